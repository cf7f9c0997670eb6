"""Models page: versions, their history, and the decision that stands."""

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException

from contract.estimates import Estimate
from contract.history import EventKind, HistoryEvent
from contract.naming import METRIC_LABEL, RUN_LABEL, DatasetNames
from retraining.google.deployments import Deployment
from retraining.google.models import ModelVersion
from retraining.ui.dependencies import trained_dataset
from retraining.ui.models import history_plot, read_model
from retraining.ui.pages import page

MODEL = "projects/p/locations/r/models/flowers"


def version(number: int, **more: str) -> ModelVersion:
    return ModelVersion(
        model=MODEL,
        version=str(number),
        artifact_uri=f"gs://b/runs/flowers/run-{number}/model/",
        labels={RUN_LABEL: f"run-{number}", METRIC_LABEL: f"accuracy-0_{number}", **more},
        aliases=(),
    )


def event(kind: EventKind, before: str, after: str, **more: Any) -> HistoryEvent:
    return HistoryEvent(
        kind=kind,
        key=f"{kind} {before} {after}",
        time="2026-01-31T12:00:00+00:00",
        who="Ada",
        from_version=before,
        to_version=after,
        reasons=("complaints",),
        **more,
    )


@pytest.fixture
def services(bucket: Any) -> Any:
    """Services with versions 1 to 3 of which the second serves after a rollback from the third."""
    names = DatasetNames(deployment="default", bucket="b", dataset="flowers")
    estimate = Estimate(value=0.2, standard_error=0.05)
    events = [
        event("promotion", "", "2", metric="accuracy", estimate=estimate),
        event("promotion", "2", "3", metric="accuracy", estimate=estimate),
        event("rollback", "3", "2"),
    ]
    for number, one in enumerate(events, start=1):
        bucket.objects[f"{names.history_folder}{number:06}.json"] = one.to_text().encode()
    deployed = [Deployment(id="d", model=MODEL, version="2", traffic_percent=100)]
    return SimpleNamespace(
        endpoints=SimpleNamespace(deployments=lambda endpoint: deployed),
        models=SimpleNamespace(versions=lambda dataset: [version(1), version(2), version(3)]),
        names=lambda dataset: names,
        storage=bucket,
    )


def read(services: Any) -> Any:
    return read_model(services, dataset="flowers", dag_id="flowers_training", run_ids={"run-1": "manual__1"})


def test_read_model_marks_versions_that_are_or_were_in_production_by_the_history(services: Any) -> None:
    found = read(services)
    assert [(one.version, one.serving, one.promoted) for one in found.versions] == [
        ("3", False, True),
        ("2", True, True),
        ("1", False, False),
    ]
    assert found.serving is found.versions[1]
    oldest = found.versions[-1]
    assert (oldest.metric, oldest.value, oldest.run_id) == ("accuracy", 0.1, "manual__1")
    assert oldest.job_dir == "gs://b/runs/flowers/run-1/"
    assert [one.kind for one in found.events] == ["rollback", "promotion", "promotion"]
    assert "Ada rolled back" in found.standing


def test_read_model_of_a_version_without_labels_knows_no_metric(services: Any) -> None:
    bare = version(1, **{METRIC_LABEL: "", RUN_LABEL: ""})
    services.models = SimpleNamespace(versions=lambda dataset: [bare])
    services.endpoints = SimpleNamespace(deployments=lambda endpoint: [])
    found = read(services)
    assert found.endpoint == "flowers"
    assert (found.serving, found.versions[0].value, found.versions[0].run_id) == (None, None, None)


def test_page_shows_the_hold_the_history_and_the_way_back_to_who_may_take_it(services: Any) -> None:
    model = read(services)
    plot = history_plot(model)
    assert plot is not None
    values = {"model": model, "dags": {}, "plot": plot, "instance": {}, "image": None}
    shown = page("dataset.html", decides=True, **values).body.decode()
    assert "Nothing is promoted: Ada rolled back" in shown
    assert "Roll back to version 3" in shown
    assert "Roll back to version 2" not in shown
    assert "Release promotions" in shown
    assert shown.count("complaints") >= 3
    assert "rolled back" in plot
    reader = page("dataset.html", decides=False, **values).body.decode()
    assert "Roll back to" not in reader
    assert "Release promotions" not in reader


def test_dag_that_trains_no_model_is_not_found() -> None:
    assert trained_dataset("flowers_training") == "flowers"
    with pytest.raises(HTTPException):
        trained_dataset("model_rollback")
