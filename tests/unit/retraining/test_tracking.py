"""Runs in MLflow: its own client and store, in a database of SQLite."""

from __future__ import annotations

import math
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from contract.artifacts import (
    Baseline,
    Evaluation,
    ExportReport,
    ProductionEvaluation,
    Signature,
    SplitEvaluation,
)
from retraining import tracking
from retraining.artifacts import LearningCurve
from retraining.context import Run, RunContext
from retraining.google import Clients
from retraining.operators import DatasetOperator
from retraining.settings import Settings
from retraining.tracking import TrackedRun

DAY = datetime(2026, 1, 31, tzinfo=UTC)
EVALUATION = Evaluation(
    examples=40,
    metrics={"accuracy": 0.9, "loss": 0.3},
    standard_errors={"accuracy": 0.02},
    baseline=Baseline(metrics={"accuracy": 0.4}),
    production=ProductionEvaluation(version="2", metrics={"accuracy": 0.85}),
    export=ExportReport(
        signature=Signature(inputs={}, outputs={}), parity_max_abs_difference=0.0, finite=True
    ),
    test=SplitEvaluation(examples=9, metrics={"accuracy": 0.88}),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty store of MLflow, whose tables take a second or two to make."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        warnings.simplefilter("ignore")  # of SQLAlchemy, about MLflow
        from mlflow import MlflowClient

        uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
        MlflowClient(tracking_uri=uri).search_experiments()
        yield uri


@pytest.fixture
def uri(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in tracking._PATIENCE.items():  # what this process is to forget again
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield database


def surroundings(uri: str | None, run_id: str = "manual__1", **settings: Any) -> RunContext:
    fields = {"project": "p", "region": "us-central1", "bucket": "b", "packages": "gs://b/p", **settings}
    return RunContext(
        settings=Settings(mlflow_tracking_uri=uri, **fields),
        clients=Clients("google_cloud_default", project="p", region="us-central1"),
        run=Run(dag_id="flowers_training", run_id=run_id, data_until=DAY),
        params={},
    )


def logged(uri: str, experiment: str) -> list[Any]:
    """The runs of an experiment, oldest first."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    return (
        [] if found is None else list(client.search_runs([found.experiment_id], order_by=["start_time ASC"]))
    )


def history(uri: str, run: Any, metric: str) -> list[tuple[int, float]]:
    from mlflow import MlflowClient

    found = MlflowClient(tracking_uri=uri).get_metric_history(run.info.run_id, metric)
    return [(point.step, point.value) for point in found]


@pytest.fixture
def task_context(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make what Airflow gives a task of a deployment with this tracking server."""

    def make(uri: str, dataset: str, exception: Exception | None = None) -> Any:
        for name in ("PROJECT", "REGION", "BUCKET", "PACKAGES"):
            monkeypatch.setenv(f"PERENNIAL_{name}", "p")
        monkeypatch.setenv("PERENNIAL_MLFLOW_TRACKING_URI", uri)
        dag_run = SimpleNamespace(
            dag_id="flowers_training", run_id="r", run_type="manual", logical_date=None,
            data_interval_end=None, run_after=DAY, clear_number=0,
        )  # fmt: skip
        task = SimpleNamespace(spec=SimpleNamespace(name=dataset))
        return {
            "dag_run": dag_run, "params": {}, "task": task,
            "ti": SimpleNamespace(task_id="train"), "exception": exception,
        }  # fmt: skip

    return make


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve this answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Keep the output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = Thread(target=served.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{served.server_port}"
        finally:
            served.shutdown()
            thread.join()


@pytest.fixture
def dripping(uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server whose answers never end, with a deadline of a second; `uri` is for MLflow's variables."""
    ended = Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        while not ended.wait(0.1):
            request.wfile.write(b" ")

    monkeypatch.setattr(tracking, "DEADLINE_SECONDS", 1.0)
    with server(drip) as found:
        yield found
        ended.set()


class Tracked(DatasetOperator):
    """A task that has something to add."""

    def run(self, context: RunContext) -> Mapping[str, Any]:
        return {"a": 1}

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:
        run.set_tags(result)


def test_nothing_of_mlflow_is_imported_without_the_setting() -> None:
    before = {name for name in sys.modules if name.partition(".")[0] == "mlflow"}
    assert not TrackedRun(surroundings(None), "flowers").is_on
    assert {name for name in sys.modules if name.partition(".")[0] == "mlflow"} == before


def test_evaluation_is_logged_with_intervals_and_with_what_it_is_compared_with(uri: str) -> None:
    TrackedRun(surroundings(uri), "evaluated").log_evaluation(EVALUATION)
    (run,) = logged(uri, "evaluated")
    assert run.data.metrics == {
        "evaluation/accuracy": 0.9,
        "evaluation/accuracy_low": pytest.approx(0.9 - 1.96 * 0.02, abs=1e-4),
        "evaluation/accuracy_high": pytest.approx(0.9 + 1.96 * 0.02, abs=1e-4),
        "evaluation/loss": 0.3,
        "evaluation/examples": 40,
        "baseline/accuracy": 0.4,
        "production/accuracy": 0.85,
        "test/accuracy": 0.88,
    }


def test_curves_of_more_points_than_a_request_takes_are_logged_once_however_often(uri: str) -> None:
    steps = range(1500)
    curve = LearningCurve(
        split="train",
        steps=tuple(steps),
        values=tuple(1 / (1 + step) for step in steps),
        times=tuple(1.7e9 + step for step in steps),
    )
    nothing = LearningCurve(split="validation", steps=(1,), values=(math.nan,), times=(1.7e9,))
    for _ in range(2):
        TrackedRun(surroundings(uri), "curved").log_curves({"loss": [curve, nothing]})
    (run,) = logged(uri, "curved")
    assert set(run.data.metrics) == {"train/loss"}
    points = history(uri, run, "train/loss")
    assert [step for step, _ in sorted(points)] == list(steps)


def test_a_cleared_run_is_found_again_and_its_other_parameters_are_tags(uri: str) -> None:
    first = TrackedRun(surroundings(uri), "cleared")
    first.log_params({"learning_rate": 0.1, "steps": 10, "source": None})
    first.log_metrics({"records/train": 5.0})
    first.end("FAILED")
    again = TrackedRun(surroundings(uri), "cleared")
    again.log_params({"learning_rate": 0.2, "steps": 10})
    again.log_metrics({"records/train": 5.0})
    (run,) = logged(uri, "cleared")
    assert run.info.status == "RUNNING"
    assert run.data.params == {"learning_rate": "0.1", "steps": "10"}
    assert run.data.tags["perennial.changed.learning_rate"] == "0.2"
    assert "perennial.changed.steps" not in run.data.tags
    assert history(uri, run, "records/train") == [(0, 5.0)]
    again.end("FINISHED")
    assert [run.info.status for run in logged(uri, "cleared")] == ["FINISHED"]


def test_a_parameter_with_its_first_value_again_is_not_changed(uri: str) -> None:
    for rate in (0.1, 0.2, 0.1, 0.1):
        TrackedRun(surroundings(uri), "reverted").log_params({"learning_rate": rate})
    (run,) = logged(uri, "reverted")
    assert run.data.params == {"learning_rate": "0.1"}
    assert "perennial.changed.learning_rate" not in run.data.tags


def test_a_finished_run_is_reopened_by_nothing_but_its_first_task(uri: str) -> None:
    TrackedRun(surroundings(uri), "finished").end("FINISHED")
    TrackedRun(surroundings(uri), "finished").set_tags({"gate": "promote"})
    (run,) = logged(uri, "finished")
    assert (run.info.status, run.data.tags["perennial.gate"]) == ("FINISHED", "promote")
    TrackedRun(surroundings(uri), "finished").reopen()
    assert [run.info.status for run in logged(uri, "finished")] == ["RUNNING"]


def test_of_two_runs_that_a_lost_answer_left_the_older_stays(uri: str) -> None:
    from mlflow import MlflowClient

    TrackedRun(surroundings(uri), "twins").set_tags({"snapshot": "s"})
    (first,) = logged(uri, "twins")
    key = {tracking.RUN_TAG: first.data.tags[tracking.RUN_TAG]}
    MlflowClient(tracking_uri=uri).create_run(first.info.experiment_id, tags=key)
    TrackedRun(surroundings(uri), "twins").set_tags({"snapshot": "t"})
    (run,) = logged(uri, "twins")
    assert run.info.run_id == first.info.run_id
    assert run.data.tags["perennial.snapshot"] == "t"


def test_runs_of_two_projects_and_deployments_share_nothing_but_the_server(uri: str) -> None:
    for settings in ({}, {"project": "q"}, {"deployment": "dev"}):
        TrackedRun(surroundings(uri, **settings), "shared").set_tags({"a": 1})
    assert len(logged(uri, "shared")) == 2
    assert len(logged(uri, "dev--shared")) == 1


def test_snapshot_is_the_runs_dataset(uri: str) -> None:
    run = TrackedRun(surroundings(uri), "data")
    for _ in range(2):
        run.log_snapshot("0123456789abcdef", "gs://b/datasets/data/raw/0123456789abcdef/")
    (found,) = logged(uri, "data")
    (entry,) = found.inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == ("data", "0123456789abcdef")
    assert "gs://b/datasets/data/raw/" in entry.dataset.source


def test_page_of_a_run_links_to_its_report(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/team/")
    run = TrackedRun(surroundings(uri, "manual__2026-01-31T00:00:00+00:00"), "reported")
    run.describe(["Accuracy 0.9 reaches the threshold."])
    (found,) = logged(uri, "reported")
    link = "https://airflow.example/team/dags/flowers_training/runs/manual__2026-01-31T00%3A00%3A00%2B00%3A00"
    assert run.report_url == f"{link}/plugin/report"
    note = found.data.tags["mlflow.note.content"]
    assert run.report_url in note
    assert "Accuracy 0.9" in note


def test_failure_ends_the_run_with_its_error(uri: str, task_context: Callable[..., Any]) -> None:
    context = task_context(uri, "failing", exception=ValueError("no such tier"))
    tracking.on_failure(context)
    (run,) = logged(uri, "failing")
    assert run.info.status == "FAILED"
    assert run.data.tags["perennial.error"] == "train: no such tier"
    key = run.data.tags[tracking.RUN_TAG]
    again = TrackedRun(surroundings(uri, "r", project="p"), "failing")
    again.end("FINISHED")
    (run,) = logged(uri, "failing")
    assert (run.info.status, run.data.tags[tracking.RUN_TAG]) == ("FINISHED", key)
    assert "perennial.error" not in run.data.tags


def test_server_that_is_down_is_given_up_soon(uri: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(Exception, match="Connection refused"):
        TrackedRun(surroundings(nobody), "flowers").set_tags({"a": 1})
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("status", [429, 503])
def test_server_that_asks_for_patience_is_given_up_soon(uri: str, status: int) -> None:
    assert uri  # for MLflow's variables

    def refuse(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Retry-After", "40")
        request.send_header("Content-Length", "0")
        request.end_headers()

    began = time.monotonic()
    with server(refuse) as busy, pytest.raises(Exception, match=f"{status}"):
        TrackedRun(surroundings(busy), "flowers").set_tags({"a": 1})
    assert time.monotonic() - began < 20


def test_server_whose_answer_never_ends_holds_no_task(
    dripping: str, task_context: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    spec: Any = SimpleNamespace(name="flowers")
    began = time.monotonic()
    assert Tracked(task_id="train", spec=spec).attempt(task_context(dripping, "flowers")) == {"a": 1}
    assert time.monotonic() - began < 10
    assert capsys.readouterr().out.count("Not recorded in MLflow") == 1


def test_server_whose_answer_never_ends_holds_no_callback(
    dripping: str, task_context: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    tracking.on_failure(task_context(dripping, "flowers", exception=ValueError("x")))
    assert time.monotonic() - began < 10
    (warning,) = caplog.records
    assert "TimeoutError" in warning.getMessage()
