"""The versions of a dataset's model, and which of them answers users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from retraining import labels, paths
from retraining.google.endpoints import Deployment
from retraining.google.models import ModelVersion
from retraining.paths import production_endpoint
from retraining.ui.runs import Promotions
from retraining.ui.services import Services


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """One version.

    Attributes:
        version: its id.
        created: when it was made.
        metric: the name of what the gate judges by; empty where the version doesn't say.
        value: what it reached; `None` where the version doesn't say.
        data_until: when its data ends; `None` where the version doesn't say.
        job_dir: the folder of its training.
        run_id: the run that made it, if Airflow still knows it.
        promoted: whether that run put it into production.
        serving: whether it answers now.
    """

    version: str
    created: datetime | None
    metric: str
    value: float | None
    data_until: datetime | None
    job_dir: str
    run_id: str | None
    promoted: bool
    serving: bool


@dataclass(frozen=True, kw_only=True)
class DatasetModels:
    """The model of one dataset.

    Attributes:
        dataset: its name.
        dag_id: the DAG that trains it.
        endpoint: the id of the endpoint that answers users.
        deployment: what it serves; `None` if nothing.
        versions: the newest first.
    """

    dataset: str
    dag_id: str
    endpoint: str
    deployment: Deployment | None
    versions: Sequence[VersionRecord]

    @property
    def serving(self) -> VersionRecord | None:
        """The version that answers now."""
        return next((version for version in self.versions if version.serving), None)


def read_models(services: Services, dataset: str, dag_id: str, promotions: Promotions) -> DatasetModels:
    """The model of a dataset, as the registry and the endpoint have it."""
    endpoint = production_endpoint(dataset)
    deployment = services.endpoints.serving(endpoint)
    versions = [_record(version, deployment, promotions) for version in services.models.versions(dataset)]
    return DatasetModels(
        dataset=dataset,
        dag_id=dag_id,
        endpoint=endpoint,
        deployment=deployment,
        versions=versions[::-1],
    )


def _record(version: ModelVersion, deployment: Deployment | None, promotions: Promotions) -> VersionRecord:
    metric, value = _metric(version.labels.get(labels.METRIC, ""))
    slug = version.labels.get(labels.RUN, "")
    serving = deployment is not None and deployment.serves(version)
    return VersionRecord(
        version=version.version,
        created=version.created,
        metric=metric,
        value=value,
        data_until=labels.read_time(version.labels.get(labels.DATA_UNTIL, "")),
        job_dir=paths.run_folder_of(version.artifact_uri),
        run_id=promotions.run_ids.get(slug),
        promoted=serving or slug in promotions.promoted,
        serving=serving,
    )


def _metric(label: str) -> tuple[str, float | None]:
    """Name and value of a label such as `accuracy-0_8125`."""
    name, _, digits = label.rpartition("-")
    try:
        return name, float(digits.replace("_", "."))
    except ValueError:
        return "", None
