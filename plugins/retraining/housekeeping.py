"""Retention: what the runs of a dataset left behind and no policy keeps is found, listed and removed.

The history of releases is never removed, nor what is deployed, the default version, or what these were made
of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from contract import ContractError, naming
from contract.artifacts import Evaluation
from contract.history import promoted_versions
from retraining.context import GoogleServices
from retraining.google.models import ModelVersion
from retraining.google.vertex_jobs import ENDED
from retraining.history import History
from retraining.rollout import RolloutState

TEMPORARY = ("temp", "staging")
"""Purposes of Dataflow's folders in the bucket."""

_WAITING_DAYS = 2


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """What is kept; all else is removed once it is old enough.

    Attributes:
        keep_versions: number of each model's newest versions.
        keep_promoted: number of the versions that were last in production, for the way back.
        max_age_days: age of versions, jobs and their folders, raw snapshots and conversions.
        temporary_days: age of Dataflow's temporary and staged files.
        candidate_hours: age of a deployment that was left on a candidate endpoint.
        dry_run: only list what would be removed, unless a run's parameter says otherwise.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    keep_versions: int = 10
    keep_promoted: int = 10
    max_age_days: int = 90
    temporary_days: int = 7
    candidate_hours: int = 2
    dry_run: bool = True

    def __post_init__(self) -> None:
        for name in ("keep_versions", "keep_promoted", "max_age_days", "temporary_days", "candidate_hours"):
            if getattr(self, name) < 1:
                raise ContractError(f"policy.{name}", expected="1 or more", received=getattr(self, name))


@dataclass(frozen=True)
class Item:
    """Something to remove.

    Attributes:
        kind: `version`, `job`, `folder`, `object` or `deployment`.
        name: resource name, URI, or endpoint and version.
        reason: why no policy keeps it.
        objects: number of objects that go with it.
        remove: removes it; one that is gone already is no error.
    """

    kind: str
    name: str
    reason: str
    objects: int
    remove: Callable[[], None]

    def __str__(self) -> str:
        objects = f" ({self.objects:,} objects)" if self.objects else ""
        return f"{self.kind:<10} {self.name}{objects}: {self.reason}"


class Housekeeping:
    """Search for what no policy keeps of one dataset.

    Args:
        services: of the deployment.
        dataset: its name.
        policy: says what is kept.
        keep_replaced_minutes: time for which a replaced version stays deployed.
        now: the time, UTC.
    """

    def __init__(
        self,
        services: GoogleServices,
        dataset: str,
        policy: RetentionPolicy,
        *,
        keep_replaced_minutes: float,
        now: datetime,
    ) -> None:
        self._services = services
        self._names = services.names(dataset)
        self._policy = policy
        self._now = now
        self._keep_replaced = timedelta(minutes=keep_replaced_minutes)
        self._before = now - timedelta(days=policy.max_age_days)
        self._age = f"older than {policy.max_age_days} days"
        self._events = History(services.storage, self._names).events()

    def find(self) -> list[Item]:
        """Return everything to remove, readers before what they read."""
        deployments = list(self._deployments())
        versions = self._services.models.versions(self._names.model)
        kept = self._kept(versions)
        gone = [one for one in versions if one.name not in kept]
        stay = [one for one in versions if one.name in kept]
        return [
            *deployments,
            *(self._version(one) for one in gone),
            *self._jobs(stay),
            *self._folders(stay),
            *self._waiting(),
        ]

    def _kept(self, versions: Sequence[ModelVersion]) -> set[str]:
        """Return the names of the versions that stay."""
        found = self._services.endpoints.all().values()
        deployed = {f"{one.model}@{one.version}" for endpoint in found for one in endpoint}
        promoted = promoted_versions(self._events)[-self._policy.keep_promoted :]
        newest = {one.name for one in versions[-self._policy.keep_versions :]}
        return {
            one.name
            for one in versions
            if one.name in deployed | newest
            or one.version in promoted
            or naming.DEFAULT_ALIAS in one.aliases
            or not self._names.owns(one.labels)
            or one.created is None
            or one.created >= self._before
        }

    def _version(self, version: ModelVersion) -> Item:
        reason = f"not among the newest {self._policy.keep_versions} or promoted, {self._age}"
        return Item("version", version.name, reason, 0, lambda: self._services.models.delete_version(version))

    def _deployments(self) -> Iterator[Item]:
        endpoints, names = self._services.endpoints, self._names
        ours = endpoints.labelled(names.labels)
        limit = self._now - timedelta(hours=self._policy.candidate_hours)
        for endpoint in (names.candidate_endpoint, names.production_endpoint):
            if endpoint not in ours:
                continue
            for one in endpoints.deployments(endpoint):
                if endpoint == names.candidate_endpoint:
                    is_left = one.created is not None and one.created < limit
                    reason = f"left on the candidate endpoint for {self._policy.candidate_hours} hours"
                else:
                    is_left = not one.traffic_percent and self._is_replaced()
                    reason = "replaced, without traffic"
                if is_left:
                    name = f"{endpoint}, version {one.version}"
                    yield Item("deployment", name, reason, 0, partial(endpoints.undeploy, endpoint, one))

    def _is_replaced(self) -> bool:
        """Return True if the last change of production is long enough ago, and no rollout is under way."""
        if self._services.storage.exists(self._names.history_folder + RolloutState.FILENAME):
            return False
        moves = [event for event in self._events if event.kind in ("promotion", "rollback")]
        return not moves or datetime.fromisoformat(moves[-1].time) + self._keep_replaced < self._now

    def _jobs(self, stay: Sequence[ModelVersion]) -> Iterator[Item]:
        runs = {one.labels.get(naming.RUN_LABEL) for one in stay}
        poll = self._services.settings.poll_seconds
        for jobs in (self._services.custom_jobs, self._services.tuning_jobs):
            for job in jobs.find_all(self._names.labels):
                is_old = job.state.name in ENDED and job.create_time < self._before
                if is_old and job.labels.get(naming.RUN_LABEL) not in runs:
                    remove = partial(jobs.delete, job.name, poll_seconds=poll)
                    yield Item("job", job.name, self._age, 0, remove)

    def _folders(self, stay: Sequence[ModelVersion]) -> Iterator[Item]:
        """Give the folders of runs, raw snapshots and conversions that nothing that stays refers to."""
        storage, names = self._services.storage, self._names
        going_on = [
            job
            for jobs in (self._services.custom_jobs, self._services.tuning_jobs)
            for job in jobs.find_all(names.labels)
            if job.state.name not in ENDED
        ]
        used = {f"{one.artifact_uri}/" for one in stay}
        running = {job.labels.get(naming.RUN_LABEL, "") for job in going_on}
        parents: list[tuple[str, set[str]]] = [(names.runs_folder, running)]
        if not going_on:  # a job that goes on may read any of them
            snapshots = {one.labels.get(naming.SNAPSHOT_LABEL, "") for one in stay}
            parents += [(f"{names.data_folder}raw/", snapshots), (f"{names.data_folder}tfrecord/", set())]
            used |= set(self._records(stay))
        for parent, needed in parents:
            for name in storage.folders(parent):
                folder = f"{parent}{name}/"
                if name in needed or any(uri.startswith(folder) for uri in used):
                    continue
                usage = storage.usage(folder)
                if usage.last_write is not None and usage.last_write < self._before:
                    reason = f"{self._age}, and no version that stays refers to it"
                    yield Item("folder", folder, reason, usage.objects, partial(storage.remove, folder))

    def _records(self, stay: Sequence[ModelVersion]) -> Iterator[str]:
        """Give the folders of the records that versions were trained on."""
        for version in stay:
            folder = naming.job_folder_of(version.artifact_uri)
            try:
                evaluation = self._services.storage.read_artifact(folder, Evaluation)
            except (FileNotFoundError, ContractError):
                continue
            yield from (f"{uri.rstrip('/')}/" for uri in evaluation.data_dir.split(",") if uri)

    def _waiting(self) -> Iterator[Item]:
        storage, limit = self._services.storage, self._now - timedelta(days=_WAITING_DAYS)
        for uri in storage.written_before(f"{self._names.data_folder}waiting/", limit):
            reason = f"a run that waited for a conversion {_WAITING_DAYS} days ago"
            yield Item("object", uri, reason, 1, partial(storage.delete, uri))


def find_temporary(services: GoogleServices, policy: RetentionPolicy, *, now: datetime) -> list[Item]:
    """Return Dataflow's temporary and staged files that are old enough, of the whole bucket."""
    limit = now - timedelta(days=policy.temporary_days)
    storage, found = services.storage, []
    for purpose in TEMPORARY:
        folder = naming.dataflow_folder(services.settings.bucket, purpose)
        old = storage.written_before(folder, limit)
        if old:
            reason = f"written more than {policy.temporary_days} days ago"
            found.append(Item("objects", folder, reason, len(old), _deletion(services, old)))
    return found


def _deletion(services: GoogleServices, uris: Collection[str]) -> Callable[[], None]:
    def delete() -> None:
        for uri in uris:
            services.storage.delete(uri)

    return delete


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
