"""Runs in MLflow as the chain's tasks leave them, by its own client in a store of SQLite."""

from __future__ import annotations

import io
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.record_writer import RecordWriter

from retraining import tracking


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of MLflow for all tests: its tables take seconds to make."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def store(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The store, named by the deployment's setting."""
    monkeypatch.setenv("PERENNIAL_MLFLOW_TRACKING_URI", database)
    for name, value in tracking._PATIENCE.items():  # what this process is to forget again
        monkeypatch.setenv(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SQLAlchemy, about MLflow
        yield database


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    (tmp_path / "pictures" / "daisy").mkdir(parents=True)
    (tmp_path / "pictures" / "daisy" / "1.jpg").write_bytes(b"one")
    return str(tmp_path / "pictures")


def runs(store: str, chain: Any) -> list[Any]:
    """The runs of the chain's project."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("flowers")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    return [run for run in found if run.data.tags[tracking.RUN_TAG].startswith(f"{chain.project}/")]


def event_file(tag: str, *points: tuple[int, float]) -> bytes:
    """One of TensorBoard's event files."""
    stream = io.BytesIO()
    writer = RecordWriter(stream)
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    for step, number in points:
        tensor = TensorProto(dtype=1, float_val=[number], tensor_shape=TensorShapeProto())
        summary = Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])
        writer.write(Event(wall_time=1.7e9 + step, step=step, summary=summary).SerializeToString())
    writer.flush()
    return stream.getvalue()


def test_a_run_is_logged_from_its_parameters_to_its_promotion(chain: Any, store: str, pictures: str) -> None:
    operators = chain.with_params(tier="BASIC", spot=False).whole(pictures)
    job_dir = operators["validate_export"].job_dir
    (run,) = runs(store, chain)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "manual__1"
    assert run.data.params.items() >= {"tier": "BASIC", "accuracy": "0.9", "spot": "False"}.items()
    assert run.data.metrics["evaluation/accuracy"] == 0.9
    assert run.data.metrics["evaluation/accuracy_low"] < 0.9 < run.data.metrics["evaluation/accuracy_high"]
    assert run.data.metrics["baseline/accuracy"] == 0.4
    assert run.data.metrics["records/train"] == 9
    assert run.data.metrics["records/rejected"] == 1
    expected = {
        "perennial.promotion": "promoted",
        "perennial.gate": "promote",
        "perennial.model_version": "1",
        "perennial.snapshot": operators["train"].snapshot,
        "perennial.data_dir": operators["train"].data_dir,
        "perennial.job_dir": job_dir,
        "perennial.endpoint": "flowers",
        "perennial.dag_id": "flowers_training",
        "perennial.run_id": "manual__1",
    }
    assert run.data.tags.items() >= expected.items()
    assert run.data.tags["perennial.reasons"]
    (entry,) = run.inputs.dataset_inputs
    assert entry.dataset.digest == operators["train"].snapshot


def test_a_version_that_is_declined_says_why(chain: Any, store: str, pictures: str) -> None:
    chain.with_params(accuracy=0.6).whole(pictures)
    (run,) = runs(store, chain)
    assert run.info.status == "FINISHED"
    assert run.data.tags["perennial.promotion"] == "declined"
    assert "0.6" in run.data.tags["perennial.reasons"]


def test_a_finished_run_is_reopened_by_its_first_task_alone(chain: Any, store: str, pictures: str) -> None:
    operators = chain.with_params(tier="BASIC", spot=False).whole(pictures)
    statuses = {}
    for task in ("validate_export", "upload_data", "promote"):
        chain.execute(operators[task])
        (run,) = runs(store, chain)
        statuses[task] = run.info.status
    assert statuses == {"validate_export": "FINISHED", "upload_data": "RUNNING", "promote": "FINISHED"}


def test_curves_are_logged_by_step_and_a_retry_adds_nothing(chain: Any, store: str) -> None:
    from mlflow import MlflowClient

    job_dir = chain.train()["job_dir"]
    logs = chain.file(job_dir + "logs/")
    logs.mkdir()
    (logs / "events.out.tfevents.1").write_bytes(event_file("train/loss", (10, 2.0), (20, 1.0)))
    for _ in range(2):
        chain.train()
    (run,) = runs(store, chain)
    points = MlflowClient(tracking_uri=store).get_metric_history(run.info.run_id, "train/loss")
    assert sorted((point.step, point.value) for point in points) == [(10, 2.0), (20, 1.0)]
    assert len(MlflowClient(tracking_uri=store).get_metric_history(run.info.run_id, "evaluation/loss")) == 1


def test_server_that_is_down_is_one_warning(
    chain: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("PERENNIAL_MLFLOW_TRACKING_URI", nobody)
    for name, value in tracking._PATIENCE.items():
        monkeypatch.setenv(name, value)
    assert chain.train()["metrics"] == {"accuracy": 0.9, "loss": 0.3}
    assert capsys.readouterr().out.count("Not recorded in MLflow") == 1
