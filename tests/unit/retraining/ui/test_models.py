from types import SimpleNamespace
from typing import Any

from contract.naming import METRIC_LABEL, RUN_LABEL, DatasetNames
from retraining.google.deployments import Deployment
from retraining.google.models import ModelVersion
from retraining.ui.models import read_model
from retraining.ui.runs import Promotions

MODEL = "projects/p/locations/r/models/flowers"


def version(number: int, **more: str) -> ModelVersion:
    return ModelVersion(
        model=MODEL,
        version=str(number),
        artifact_uri=f"gs://b/runs/flowers/run-{number}/model/",
        labels={RUN_LABEL: f"run-{number}", METRIC_LABEL: f"accuracy-0_{number}", **more},
        aliases=(),
    )


def services(serving: str | None, *versions: ModelVersion) -> Any:
    deployment = serving and Deployment(id="d", model=MODEL, version=serving, traffic_percent=100)
    return SimpleNamespace(
        endpoints=SimpleNamespace(serving=lambda endpoint: deployment),
        models=SimpleNamespace(versions=lambda dataset: list(versions)),
        names=lambda dataset: DatasetNames(deployment="default", bucket="b", dataset=dataset),
    )


def test_read_model_marks_versions_that_are_or_were_in_production() -> None:
    promotions = Promotions(run_ids={"run-1": "manual__1"}, promoted=frozenset({"run-1"}))
    found = read_model(
        services("3", version(1), version(2), version(3)),
        dataset="flowers",
        dag_id="flowers_training",
        promotions=promotions,
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


def test_read_model_of_a_version_without_labels_knows_no_metric() -> None:
    bare = version(1, **{METRIC_LABEL: "", RUN_LABEL: ""})
    found = read_model(
        services(None, bare),
        dataset="yellow_taxi",
        dag_id="yellow_taxi_training",
        promotions=Promotions(run_ids={}, promoted=frozenset()),
    )
    assert found.endpoint == "yellow-taxi"
    assert (found.serving, found.versions[0].value, found.versions[0].run_id) == (None, None, None)
