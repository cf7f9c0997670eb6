"""The pages on an API server that asks for logins: strangers, readers and writers."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from local.report import Report
from local.stack import Stack
from retraining.ui.app import create_app

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

PASSWORDS = {"reader": "secret of the reader", "writer": "secret of the writer"}
START_SECONDS = 180


@pytest.fixture(scope="module")
def server(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another API server of the stack's Airflow, with logins; its address."""
    folder = tmp_path_factory.mktemp("logins")
    (folder / "passwords.json").write_text(json.dumps(PASSWORDS))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "SIMPLE_AUTH_MANAGER_USERS": "reader:viewer,writer:user",
        "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
    }
    given = " ".join(shlex.quote(f"AIRFLOW__CORE__{name}={value}") for name, value in options.items())
    script = (
        f"set -a; . {shlex.quote(str(stack.paths.environment_file))}; "
        f"exec env {given} airflow api-server --host 127.0.0.1 --port {port} --workers 1"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["bash", "-c", script], stdout=log, stderr=log)
    url = f"http://localhost:{port}"
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(url):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.5)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v2/monitor/health", timeout=5).is_success
    except httpx.TransportError:
        return False


def client(server: str, user: str) -> httpx.Client:
    login = {"username": user, "password": PASSWORDS[user]}
    token = httpx.post(f"{server}/auth/token", json=login, timeout=60).raise_for_status().json()
    return httpx.Client(
        base_url=f"{server}/retraining",
        headers={"Authorization": f"Bearer {token['access_token']}"},
        timeout=60,
    )


def test_strangers_get_no_page(server: str) -> None:
    routes = [route for route in create_app().routes if isinstance(route, APIRoute)]
    values = {
        "dag_id": "flowers_training",
        "run_id": "manual__1",
        "index": "0",
        "name": "style.css",
        "version": "1",
    }
    for route in routes:
        for method in route.methods:
            address = f"{server}/retraining{route.path.format(**values)}"
            assert httpx.request(method, address, timeout=60).status_code == 401, address


def test_readers_see_what_was_made_and_plan_no_backfill(server: str, first_run: Report) -> None:
    with client(server, "reader") as reader:
        assert "flowers" in reader.get("/models").raise_for_status().text
        report = reader.get(f"/runs/flowers_training/{first_run.run_id}")
        assert "<h1>" in report.raise_for_status().text
        assert reader.get("/backfills/yellow_taxi_training").status_code == 403


def test_writers_plan_backfills(server: str) -> None:
    with client(server, "writer") as writer:
        page = writer.get("/backfills/flowers_training")
        assert "has no cron expression" in page.raise_for_status().text
