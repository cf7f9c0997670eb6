"""Retention: what the runs of a dataset left behind and no policy keeps is found, listed and removed.

The history of releases is never removed, nor what is deployed, the default version, or what these were made
of.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from contract import ContractError, naming
from contract.artifacts import Evaluation
from contract.history import MOVES, HistoryEvent, previous_production, recorded_production
from retraining.context import GoogleServices
from retraining.google.deployments import Deployment
from retraining.google.models import ModelVersion
from retraining.google.vertex_jobs import ENDED
from retraining.history import History
from retraining.removal import Item, Outcome, active_dataflow_jobs, remove_item
from retraining.rollout import is_rolling_out

_COUNTS = ("keep_versions", "keep_promoted")
_AGES = ("max_age_days", "data_days", "temporary_days", "waiting_days", "candidate_hours")
_LONGEST = 36_500


@dataclass(frozen=True, kw_only=True)
class RetentionPolicy:
    """What is kept; all else is removed once it is old enough, by its newest write.

    Attributes:
        keep_versions: number of each model's newest versions.
        keep_promoted: number of the versions that were last in production, for the way back.
        max_age_days: age of versions, jobs and the folders of runs.
        data_days: age of raw snapshots and conversions.
        temporary_days: age of Dataflow's temporary and staged files.
        waiting_days: age of a run's mark that it waits for a conversion.
        candidate_hours: age of a deployment that was left on a candidate endpoint.
        dry_run: only list what would be removed, unless a run's parameter says otherwise.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    keep_versions: int = 10
    keep_promoted: int = 10
    max_age_days: int = 90
    data_days: int = 90
    temporary_days: int = 7
    waiting_days: int = 2
    candidate_hours: int = 1
    dry_run: bool = True

    def __post_init__(self) -> None:
        for name in (*_COUNTS, *_AGES):
            value, most = getattr(self, name), math.inf if name in _COUNTS else _LONGEST
            if type(value) is not int or not 1 <= value <= most:
                expected = "a whole number, 1 or more" if name in _COUNTS else f"a whole number, 1 to {most}"
                raise ContractError(f"policy.{name}", expected=expected, received=value)
        if type(self.dry_run) is not bool:
            raise ContractError("policy.dry_run", expected="True or False", received=self.dry_run)


class Housekeeping:
    """Search for what no policy keeps of one dataset.

    Args:
        services: of the deployment.
        dataset: its name.
        policy: says what is kept.
        keep_replaced_minutes: time for which a replaced version stays deployed.
        now: the time, UTC.
        is_under_way: says whether a run of the dataset is under way just now, which may use its raw data,
            records and candidate endpoint.
        report: takes a line about what stays for the time being.
    """

    def __init__(
        self,
        services: GoogleServices,
        dataset: str,
        policy: RetentionPolicy,
        *,
        keep_replaced_minutes: float,
        now: datetime,
        is_under_way: Callable[[], bool],
        report: Callable[[str], None],
    ) -> None:
        self._services = services
        self._names = services.names(dataset)
        self._policy = policy
        self._now = now
        self._keep_replaced = timedelta(minutes=keep_replaced_minutes)
        self._before = now - timedelta(days=policy.max_age_days)
        self._is_under_way = is_under_way
        self._report = report

    def find(self) -> list[Item]:
        """Return everything to remove, readers before what they read."""
        leaving = self._leaving()
        versions = self._services.models.versions(self._names.model)
        gone = self._superfluous(versions, leaving)
        return [
            *map(self._undeployment, leaving),
            *map(self._deletion, gone),
            *self._leftovers([one for one in versions if one not in gone]),
        ]

    def remove(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Remove those of the items that can still go; each is looked at anew before.

        A version that could not be removed keeps what it was made of.
        """
        listed = {item.key: item for item in items}
        for item in self._once_more():
            if listed.pop(item.key, None) is not None:
                yield remove_item(item)
        for item in listed.values():
            yield Outcome(item, "skipped")

    def orphans(self) -> Iterator[str]:
        """Give a line for each job that goes on though nobody waits for it; it is not ended."""
        dataset, alone = self._names.dataset, self._now - timedelta(hours=self._policy.candidate_hours)
        is_under_way = self._is_under_way()
        for job in self._jobs_under_way():
            timeout = _timeout(job)
            if timeout and (job.start_time or job.create_time) + timeout < self._now:
                yield f"{job.name} goes on after its timeout of {timeout}"
            elif not is_under_way and job.create_time < alone:
                yield f"{job.name} goes on, and no run of {dataset} is under way"
        for job in active_dataflow_jobs(self._services):
            key = job.name.removeprefix(self._names.conversion_job(""))
            if job.create_time < alone and re.fullmatch(r"[0-9a-f]+(-[0-9a-f]+)?", key):
                waiting = is_under_way and self._services.storage.list(self._names.waiting_folder(key))
                if not waiting:
                    yield f"{job.name} ({job.id}) goes on, and no run of {dataset} waits for it"

    def _once_more(self) -> Iterator[Item]:
        """Give the items anew: each stage finds what the one before it left."""
        models, model = self._services.models, self._names.model
        yield from map(self._undeployment, self._leaving())
        yield from map(self._deletion, self._superfluous(models.versions(model), ()))
        yield from self._leftovers(models.versions(model))

    def _leaving(self) -> list[tuple[str, Deployment]]:
        """Return the deployments that go, each after its endpoint."""
        endpoints, names = self._services.endpoints, self._names
        ours = endpoints.labelled(names.labels)
        limit = self._now - timedelta(hours=self._policy.candidate_hours)
        candidate, production = (
            endpoints.deployments(endpoint) if endpoint in ours else []
            for endpoint in (names.candidate_endpoint, names.production_endpoint)
        )
        left = [one for one in candidate if _is_before(one, limit)]
        idle = [one for one in production if not one.traffic_percent]
        return [
            *((names.candidate_endpoint, one) for one in left if not self._is_under_way()),
            *((names.production_endpoint, one) for one in idle if self._is_replaced(one)),
        ]

    def _is_replaced(self, deployment: Deployment) -> bool:
        """Return True if production changed long enough ago, and no rollout is under way."""
        if is_rolling_out(self._services, self._names):
            return False
        events = History(self._services.storage, self._names).events()
        moves = [event.time for event in events if event.kind in ("promotion", "rollback")]
        limit = self._now - self._keep_replaced
        return _is_before(deployment, limit) and (not moves or datetime.fromisoformat(moves[-1]) < limit)

    def _superfluous(
        self, versions: Sequence[ModelVersion], leaving: Sequence[tuple[str, Deployment]]
    ) -> list[ModelVersion]:
        """Return the versions that go.

        Args:
            versions: all, oldest first.
            leaving: deployments that go before them.
        """
        found = self._services.endpoints.all()
        remaining = [one for endpoint in found for one in found[endpoint] if (endpoint, one) not in leaving]
        deployed = {one.version_name for one in remaining}
        serving = [one.version for one in found.get(self._names.production_endpoint, [])]
        events = History(self._services.storage, self._names).events()
        needed = way_back(events, self._policy.keep_promoted, serving=serving)
        newest = {one.name for one in versions[-self._policy.keep_versions :]}
        return [
            one
            for one in versions
            if one.name not in deployed | newest
            and one.version not in needed
            and naming.DEFAULT_ALIAS not in one.aliases
            and self._names.owns(one.labels)
            and one.created is not None
            and one.created < self._before
        ]

    def _undeployment(self, leaving: tuple[str, Deployment]) -> Item:
        endpoint, deployment = leaving
        reason = "replaced, without traffic"
        if endpoint == self._names.candidate_endpoint:
            reason = f"left on the candidate endpoint for more than {self._policy.candidate_hours} hours"
        name = f"{endpoint}, version {deployment.version}"
        remove = partial(self._services.endpoints.undeploy, endpoint, deployment)
        return Item("deployment", name, reason, 0, remove)

    def _deletion(self, version: ModelVersion) -> Item:
        policy, remove = self._policy, partial(self._services.models.delete_version, version)
        reason = (
            f"older than {policy.max_age_days} days, not among the newest {policy.keep_versions} "
            f"nor the last {policy.keep_promoted} in production"
        )
        return Item("version", version.name, reason, 0, remove)

    def _leftovers(self, stay: Sequence[ModelVersion]) -> Iterator[Item]:
        """Give the jobs, folders and marks that no version that stays refers to."""
        yield from self._jobs(stay)
        yield from self._run_folders(stay)
        if self._is_read():
            self._report(f"raw data and records of {self._names.dataset} stay: a run or a job is under way")
            return
        for item in self._data(stay):
            if self._is_read():  # a large folder takes long, and a run may have begun meanwhile
                return
            yield item

    def _jobs(self, stay: Sequence[ModelVersion]) -> Iterator[Item]:
        runs, poll = {one.labels.get(naming.RUN_LABEL) for one in stay}, self._services.settings.poll_seconds
        reason = f"ended more than {self._policy.max_age_days} days ago"
        for jobs in (self._services.custom_jobs, self._services.tuning_jobs):
            for job in jobs.find_all(self._names.labels):
                is_old = job.state.name in ENDED and (job.end_time or job.create_time) < self._before
                if is_old and job.labels.get(naming.RUN_LABEL) not in runs:
                    yield Item("job", job.name, reason, 0, partial(jobs.delete, job.name, poll_seconds=poll))

    def _run_folders(self, stay: Sequence[ModelVersion]) -> Iterator[Item]:
        parent = self._names.runs_folder
        for slug in self._services.storage.folders(parent):
            folder = self._names.run_folder(slug)
            if not any(one.artifact_uri.startswith(folder) for one in stay):
                for item in self._folder(folder, self._policy.max_age_days):
                    running = {job.labels.get(naming.RUN_LABEL) for job in self._jobs_under_way()}
                    yield from [item] if slug not in running else []

    def _data(self, stay: Sequence[ModelVersion]) -> Iterator[Item]:
        """Give conversions, then the raw snapshots that they were made of, and what goes with these."""
        storage, names, days = self._services.storage, self._names, self._policy.data_days
        records, snapshots = self._records(stay), {one.labels.get(naming.SNAPSHOT_LABEL) for one in stay}
        for key in storage.folders(_parent(names.tfrecord_folder("x"))):
            folder = names.tfrecord_folder(key)
            if records is not None and folder not in records:
                yield from self._folder(folder, days)
        for snapshot in storage.folders(_parent(names.raw_folder("x"))):
            if snapshot not in snapshots:
                yield from self._folder(names.raw_folder(snapshot), days)
        needed = {names.ignored_list(snapshot) for snapshot in snapshots if snapshot}
        for uri in storage.written_before(_parent(names.ignored_list("x")), self._days_ago(days)):
            if uri not in needed:
                yield self._object(uri, f"files that a snapshot ignored, older than {days} days")
        days = self._policy.waiting_days
        for uri in storage.written_before(_parent(names.waiting_folder("x")), self._days_ago(days)):
            yield self._object(uri, f"mark of a run that waited for a conversion {days} days ago")

    def _folder(self, folder: str, days: int) -> Iterator[Item]:
        """Give a folder if its newest object is old enough."""
        storage = self._services.storage
        usage = storage.usage(folder)
        if usage.last_write is not None and usage.last_write < self._days_ago(days):
            reason = f"older than {days} days, and no version that stays refers to it"
            yield Item("folder", folder, reason, usage.objects, partial(storage.remove, folder))

    def _object(self, uri: str, reason: str) -> Item:
        return Item("objects", uri, reason, 1, partial(self._services.storage.delete, uri))

    def _records(self, stay: Sequence[ModelVersion]) -> set[str] | None:
        """Return the folders of the records that versions were trained on; None if that can't be known."""
        found: set[str] = set()
        for version in stay:
            folder = naming.job_folder_of(version.artifact_uri)
            try:
                data_dir = self._services.storage.read_artifact(folder, Evaluation).data_dir
            except FileNotFoundError:
                continue
            except ContractError as error:
                self._report(f"records of {self._names.dataset} stay: {folder}: {error}")
                return None
            found |= {f"{uri.rstrip('/')}/" for uri in data_dir.split(",") if uri}
        return found

    def _is_read(self) -> bool:
        """Return True if something may read raw data or records just now."""
        return self._is_under_way() or bool(self._jobs_under_way())

    def _jobs_under_way(self) -> list[Any]:
        kinds = (self._services.custom_jobs, self._services.tuning_jobs)
        found = (job for jobs in kinds for job in jobs.find_all(self._names.labels))
        return [job for job in found if job.state.name not in ENDED]

    def _days_ago(self, days: int) -> datetime:
        return self._now - timedelta(days=days)


def way_back(events: Sequence[HistoryEvent], number: int, *, serving: Collection[str]) -> set[str]:
    """Return the versions that a way back may lead to.

    Args:
        events: of the history, oldest first.
        number: of the versions that were last in production.
        serving: versions that are on the production endpoint, whose predecessors are among the result.
    """
    moves = (event for event in reversed(events) if event.kind in MOVES)
    last = list(dict.fromkeys(event.to_version for event in moves if event.to_version))[:number]
    present = {*serving, recorded_production(events) or ""} - {""}
    return {*last, *(previous_production(events, version) for version in present)} - {""}


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def _is_before(deployment: Deployment, limit: datetime) -> bool:
    return deployment.created is not None and deployment.created < limit


def _timeout(job: Any) -> timedelta | None:
    """Return the longest time that a job may run by its own specification; None if it has no such limit."""
    if hasattr(job, "trial_job_spec"):
        one: timedelta | None = job.trial_job_spec.scheduling.timeout
        return one and one * math.ceil(job.max_trial_count / max(1, job.parallel_trial_count))
    return job.job_spec.scheduling.timeout or None


def _parent(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[0] + "/"
