"""The guard of an API server without logins, and the turns of the requests that write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from retraining.ui.middleware import SiteGuard, WriteTurns, site_guard

LINK = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}


def answer(method: str = "GET", **headers: str) -> Response:
    async def show(_request: Request) -> Response:
        return JSONResponse({"admin": True}, headers={"Content-Security-Policy": "default-src 'none'"})

    app = Starlette(routes=[Route("/auth/token", show, methods=["GET", "POST"])])
    client = TestClient(SiteGuard(app, allowed_hosts=frozenset({"localhost", "127.0.0.1"})))
    sent = {"host": "localhost:8080"} | {name.replace("_", "-"): value for name, value in headers.items()}
    found: Any = client.request(method, "http://localhost:8080/auth/token", headers=sent)
    return found


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080"])
def test_own_names_are_served(host: str) -> None:
    assert answer(host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["attacker.example:8080", "attacker.example", "localhost.attacker.example", ""]
)
def test_other_names_are_refused(host: str) -> None:
    found = answer(host=host)
    assert found.status_code == 403
    assert "admin" not in found.text
    assert found.text.startswith("Host: expected one of 127.0.0.1, localhost, received ")


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("POST", {"sec-fetch-site": "same-origin", "origin": "http://localhost:8080"}, 200),
        ("GET", LINK, 200),
        ("POST", LINK, 403),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}, 403),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "empty"}, 403),
        ("GET", {"sec-fetch-site": "same-site", "sec-fetch-dest": "image"}, 403),
        ("POST", {"origin": "http://attacker.example"}, 403),
        ("POST", {"origin": "null"}, 403),
    ],
)
def test_other_sites_may_only_link_here(method: str, headers: dict[str, str], status: int) -> None:
    assert answer(method, **headers).status_code == status


def test_pages_are_framed_by_this_site_alone() -> None:
    assert answer().headers.get_list("content-security-policy") == [
        "default-src 'none'",
        "frame-ancestors 'self'",
    ]


def test_guard_stands_where_hosts_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERENNIAL_ALLOWED_HOSTS", raising=False)
    assert site_guard() == []
    monkeypatch.setenv("PERENNIAL_ALLOWED_HOSTS", "localhost, Airflow.internal")
    (entry,) = site_guard()
    assert entry["kwargs"] == {"allowed_hosts": {"localhost", "airflow.internal"}}


def most_at_once(database: str, *methods: str) -> int:
    """Return how many of these requests, sent together, the app behind had at once at most."""
    inside, most = 0, 0

    async def app(scope, receive, send) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        if scope.get("fails"):
            raise RuntimeError

    async def send_all() -> None:
        turns = WriteTurns(app, database=database)
        scopes = [{"type": "http", "method": method, "fails": method == "DELETE"} for method in methods]
        await asyncio.gather(*(turns(scope, None, None) for scope in scopes), return_exceptions=True)

    asyncio.run(asyncio.wait_for(send_all(), timeout=10))
    return most


@pytest.mark.parametrize(
    ("database", "methods", "expected"),
    [
        ("sqlite:////tmp/airflow.db?timeout=60", ("POST", "PATCH", "DELETE", "PUT"), 1),
        ("sqlite:////tmp/airflow.db", ("POST", "GET", "HEAD", "OPTIONS"), 4),
        ("postgresql+psycopg2://airflow@postgres/airflow", ("POST", "PATCH"), 2),
    ],
)
def test_requests_that_write_wait_for_each_other_on_sqlite(
    database: str, methods: tuple[str, ...], expected: int
) -> None:
    assert most_at_once(database, *methods) == expected
