"""Surroundings of a task: the deployment with its Google services, and the DAG run that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contract import DatasetSpec, ServingSpec
from contract.naming import DatasetNames, Identity, digest, run_slug
from retraining.google import Clients
from retraining.google.endpoints import Endpoints
from retraining.google.models import Models, ModelVersion
from retraining.google.storage import Storage
from retraining.google.vertex_jobs import CustomJobs, TuningJobs
from retraining.settings import Settings

_WITH_DATA_INTERVAL = ("backfill", "scheduled")
_AUTOMATIC = ("asset_triggered", "scheduled")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one DAG.

    Attributes:
        dag_id: the DAG.
        run_id: the run, unique within the DAG.
        data_until: no data of this time or later is for this run: the end of its data interval; for a run
            without one its logical date or, since runs by REST have none, when it was requested. Never later
            than now, whatever the date that a run was given.
        has_data_interval: True if the schedule or a backfill made it for just one data interval.
        is_automatic: True if no person requested it: the schedule or an asset event began it.
        clearings: how often it, or some of its tasks, was cleared.
    """

    dag_id: str
    run_id: str
    data_until: datetime
    has_data_interval: bool = False
    is_automatic: bool = False
    clearings: int = 0

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Run:
        """Return the run of an Airflow task context."""
        dag_run = context["dag_run"]
        interval_end, kind = dag_run.data_interval_end, dag_run.run_type
        # Other runs are given the interval before them, which may end long before they begin.
        has_data_interval = interval_end is not None and kind in _WITH_DATA_INTERVAL
        end = interval_end if has_data_interval else dag_run.logical_date
        return cls(
            dag_id=dag_run.dag_id,
            run_id=dag_run.run_id,
            data_until=min((end or dag_run.run_after).astimezone(UTC), datetime.now(UTC)),
            has_data_interval=has_data_interval,
            is_automatic=kind in _AUTOMATIC,
            clearings=dag_run.clear_number or 0,
        )

    @property
    def slug(self) -> str:
        """Name of the run in paths and labels."""
        return run_slug(self.dag_id, self.run_id)


@dataclass(frozen=True, kw_only=True)
class GoogleServices:
    """Google's services in one deployment; each client is made when it is first used.

    Attributes:
        settings: the deployment.
        clients: Google's clients.
    """

    settings: Settings
    clients: Clients

    @classmethod
    def from_environment(cls) -> GoogleServices:
        """Return the services of the deployment that the environment describes.

        Raises:
            ConfigurationError: a setting is missing or wrong.
        """
        settings = Settings.from_environment()
        return cls(settings=settings, clients=Clients.from_settings(settings))

    @property
    def storage(self) -> Storage:
        """Cloud Storage."""
        return Storage(self.clients)

    @property
    def models(self) -> Models:
        """Model Registry."""
        return Models(self.clients, poll_seconds=self.settings.poll_seconds)

    @property
    def endpoints(self) -> Endpoints:
        """Endpoints of Vertex AI."""
        settings = self.settings
        return Endpoints(
            self.clients, poll_seconds=settings.poll_seconds, fields=settings.infrastructure.resource_fields
        )

    @property
    def custom_jobs(self) -> CustomJobs:
        """Training jobs of Vertex AI."""
        return CustomJobs(self.clients)

    @property
    def tuning_jobs(self) -> TuningJobs:
        """Hyperparameter tuning jobs of Vertex AI."""
        return TuningJobs(self.clients)

    @property
    def in_google_cloud(self) -> bool:
        """True if Google's console shows these services, and False for an emulator."""
        return not self.clients.extras.get("vertex_ai_endpoint")

    def names(self, dataset: str) -> DatasetNames:
        """Return the names and places of a dataset in this deployment."""
        settings = self.settings
        return DatasetNames(deployment=settings.deployment, bucket=settings.bucket, dataset=dataset)

    def serving(self, spec: DatasetSpec) -> ServingSpec:
        """Return the machines and the endpoints of a dataset's models: the spec's, then the deployment's."""
        ours = ServingSpec(machine_type=self.settings.serving_machine)
        return spec.serving.with_defaults(self.settings.infrastructure.serving).with_defaults(ours)

    def check_ownership(self, dataset: str) -> None:
        """Refuse to go on where the dataset's model or an endpoint of it is somebody else's.

        Raises:
            ForeignResourceError: the error names it, and its labels.
        """
        names, endpoints = self.names(dataset), self.endpoints
        self.models.check_ownership(names)
        for endpoint in (names.candidate_endpoint, names.production_endpoint):
            endpoints.check_ownership(endpoint, names)

    def production_version(self, dataset: str) -> ModelVersion | None:
        """Return the version that serves production.

        The endpoint decides, not an alias: a first version has `default` even if it was never promoted.
        """
        deployment = self.endpoints.serving(self.names(dataset).production_endpoint)
        return None if deployment is None else self.models.get(deployment.version_name)


@dataclass(frozen=True, kw_only=True)
class RunContext(GoogleServices):
    """Surroundings of one task of a run.

    Attributes:
        run: the DAG run.
        params: the run's parameters.
        first_reschedule: returns when the task was first rescheduled; None if it was not yet. Airflow's API
            is asked for it.
    """

    run: Run
    params: Mapping[str, Any]
    first_reschedule: Callable[[], datetime | None] = lambda: None

    def identity(self, dataset: str, task: str, inputs: Mapping[str, Any]) -> Identity:
        """Return the identity of what a task of this run makes of its inputs, JSON values."""
        return Identity(
            deployment=self.settings.deployment,
            dataset=dataset,
            run=self.run.slug,
            task=task,
            inputs=digest(inputs),
        )


@contextmanager
def run_context(context: Mapping[str, Any]) -> Iterator[RunContext]:
    """Give the surroundings of an Airflow task context; connections are closed at the end.

    Raises:
        ConfigurationError: a setting is missing or wrong.
        ContractError: a field of the file of infrastructure is wrong.
    """
    settings = Settings.from_environment()
    _ = settings.tiers  # a wrong file fails the first task, before anything is paid
    clients = Clients.from_settings(settings)
    try:
        yield RunContext(
            settings=settings,
            clients=clients,
            run=Run.from_context(context),
            params=context["params"],
            first_reschedule=lambda: context["ti"].get_first_reschedule_date(context),
        )
    finally:
        clients.close()
