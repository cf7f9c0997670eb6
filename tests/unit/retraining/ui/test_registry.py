from types import SimpleNamespace
from typing import Any

from contract import naming
from retraining.google.endpoints import Deployment
from retraining.google.models import ModelVersion
from retraining.ui.registry import read_models
from retraining.ui.runs import Promotions

MODEL = "projects/p/locations/r/models/flowers"


def version(number: int, **more: str) -> ModelVersion:
    return ModelVersion(
        model=MODEL,
        version=str(number),
        artifact_uri=f"gs://b/runs/flowers/run-{number}/model/",
        labels={naming.RUN_LABEL: f"run-{number}", naming.METRIC_LABEL: f"accuracy-0_{number}", **more},
        aliases=(),
    )


def services(serving: str | None, *versions: ModelVersion) -> Any:
    deployment = serving and Deployment(id="d", model=MODEL, version=serving, traffic_percent=100)
    return SimpleNamespace(
        endpoints=SimpleNamespace(serving=lambda endpoint: deployment),
        models=SimpleNamespace(versions=lambda dataset: list(versions)),
    )


def test_read_models_marks_what_serves_and_what_served() -> None:
    promotions = Promotions(run_ids={"run-1": "manual__1"}, promoted=frozenset({"run-1"}))
    found = read_models(
        services("3", version(1), version(2), version(3)), "flowers", "flowers_training", promotions
    )
    assert [(one.version, one.serving, one.promoted) for one in found.versions] == [
        ("3", True, True),
        ("2", False, False),
        ("1", False, True),
    ]
    assert found.serving is found.versions[0]
    oldest = found.versions[-1]
    assert (oldest.metric, oldest.value, oldest.run_id) == ("accuracy", 0.1, "manual__1")
    assert oldest.job_dir == "gs://b/runs/flowers/run-1/"


def test_read_models_of_a_version_without_labels_knows_no_metric() -> None:
    bare = version(1, **{naming.METRIC_LABEL: "", naming.RUN_LABEL: ""})
    found = read_models(
        services(None, bare),
        "yellow_taxi",
        "yellow_taxi_training",
        Promotions(run_ids={}, promoted=frozenset()),
    )
    assert found.endpoint == "yellow-taxi"
    assert (found.serving, found.versions[0].value, found.versions[0].run_id) == (None, None, None)
