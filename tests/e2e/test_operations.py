"""A whole run whose facts go elsewhere, too: to MLflow, to OpenLineage's file, and its logs to the bucket."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uv

from local.demo import follow
from local.environment import BUCKET
from local.paths import StackPaths
from local.report import Report
from local.sources import Source
from local.stack import Stack
from retraining.tiers import load_tiers
from stack_api import StackApi

MLFLOW = "mlflow==3.17.2"
"""The server, which nothing of ours needs: in an environment of its own."""

LOGS = "airflow-logs"

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class Operated:
    """A stack after one run, and where its facts went."""

    stack: Stack
    report: Report
    mlflow: str
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [uv.find_uv_bin(), "tool", "run", "--from", MLFLOW, "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", f"sqlite:///{folder}/m.db"]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": ""}
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            until = time.monotonic() + 240
            while not answers(f"{url}/health"):
                assert server.poll() is None, (folder / "log").read_text()[-3000:]
                assert time.monotonic() < until, (folder / "log").read_text()[-3000:]
                time.sleep(1)
            yield url
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def operated(
    tmp_path_factory: pytest.TempPathFactory,
    dags_folder: Path,
    mlflow_server: str,
    few_pictures: Source,
    short_training: dict[str, int],
) -> Iterator[Operated]:
    file = tmp_path_factory.mktemp("lineage") / "events.json"
    variables = {
        "PERENNIAL_MLFLOW_TRACKING_URI": mlflow_server,
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "perennial",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(file), "append": True}
        ),
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": f"gs://{BUCKET}/{LOGS}",
        "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "google_cloud_default",
    }
    stack = Stack(StackPaths.at(tmp_path_factory.mktemp("operated")), dags=dags_folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        try:
            stack.up(tensorboard=False)
            report = follow(stack, "flowers", few_pictures, short_training)
            events = [json.loads(line) for line in file.read_text().splitlines()]
            yield Operated(stack, report, mlflow_server, events)
        finally:
            stack.down()


def completed(operated: Operated, task: str) -> dict[str, Any]:
    """The event with which a task's run ended."""
    (event,) = [
        event
        for event in operated.events
        if event["eventType"] == "COMPLETE" and event["job"]["name"] == f"flowers_training.{task}"
    ]
    return event


def places(datasets: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(dataset["namespace"], dataset["name"]) for dataset in datasets]


def test_run_succeeds_with_everything_on(operated: Operated) -> None:
    assert operated.report.succeeded


def test_lineage_of_the_run_joins_from_the_source_to_the_model(operated: Operated) -> None:
    chain = ["upload_data", "convert_to_tfrecord", "train", "create_model_version"]
    events = [completed(operated, task) for task in chain]
    for before, after in pairwise(events):
        assert places(before["outputs"]) == places(after["inputs"])
    assert {event["job"]["namespace"] for event in events} == {"perennial"}
    (records,) = events[1]["outputs"]
    assert records["outputFacets"]["outputStatistics"]["rowCount"] == 200
    (model,) = events[3]["outputs"]
    assert model["name"] == "models/flowers"
    assert model["facets"]["version"]["datasetVersion"] == operated.report.version
    outcome = completed(operated, "promote")["run"]["facets"]["perennial_promotion"]["outcome"]
    assert outcome == ("promoted" if operated.report.promoted else "declined")


def test_run_is_in_mlflow_with_its_curves_and_its_end(operated: Operated) -> None:
    with httpx.Client(base_url=f"{operated.mlflow}/api/2.0/mlflow", timeout=60) as client:
        found = client.get("experiments/get-by-name", params={"experiment_name": "flowers"})
        experiment = found.raise_for_status().json()["experiment"]["experiment_id"]
        answer = client.post("runs/search", json={"experiment_ids": [experiment]})
        (run,) = answer.raise_for_status().json()["runs"]
        params = {"run_id": run["info"]["run_id"], "metric_key": "train/loss"}
        points = client.get("metrics/get-history", params=params).raise_for_status().json()["metrics"]
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
    assert run["info"]["status"] == "FINISHED"
    assert tags["perennial.model_version"] == operated.report.version
    assert tags["perennial.promotion"] == ("promoted" if operated.report.promoted else "declined")
    assert operated.report.evaluation is not None
    accuracy = operated.report.evaluation.metrics["accuracy"]
    assert metrics["evaluation/accuracy"] == pytest.approx(accuracy)
    assert metrics["evaluation/accuracy_low"] <= accuracy <= metrics["evaluation/accuracy_high"]
    assert points
    page = tags["mlflow.note.content"]
    assert f"{operated.stack.ports.airflow_url}/dags/flowers_training/runs/" in page


def test_costs_of_the_run_are_known_at_once(operated: Operated) -> None:
    command = [sys.executable, "-m", "local", "--home", str(operated.stack.paths.root), "costs", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    costs = {cost["task"]: cost for cost in json.loads(done.stdout)}
    assert set(costs) == {"convert_to_tfrecord", "train"}
    hourly, train = load_tiers()["BASIC"].dollars_per_hour(), costs["train"]
    assert train["dollars"] == pytest.approx(train["machine_seconds"] / 3600 * hourly, rel=1e-3)
    assert costs["convert_to_tfrecord"]["machine_seconds"] > 0


def test_logs_are_in_the_bucket_and_airflow_reads_them_there(operated: Operated) -> None:
    remote = operated.stack.paths.buckets / BUCKET / LOGS
    (written,) = [file for file in remote.rglob("attempt=1.log") if "task_id=train" in str(file)]
    assert "JOB_STATE_SUCCEEDED" in written.read_text()
    shutil.rmtree(operated.stack.paths.airflow / "logs" / "dag_id=flowers_training")
    api = StackApi(operated.stack)
    try:
        (run,) = api.runs("flowers_training")
        path = f"dags/flowers_training/dagRuns/{quote(run['dag_run_id'])}/taskInstances/train/logs/1"
        shown = json.dumps(api.get(f"/api/v2/{path}"))
    finally:
        api.airflow.close()
    assert "JOB_STATE_SUCCEEDED" in shown
    assert f"gs://{BUCKET}/{LOGS}/" in shown
