"""Jobs of Vertex AI, found by their labels: trainings, and hyperparameter tuning with its trials."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from contract.naming import label_filter
from retraining.google.calls import (
    CALL_TIMEOUT_SECONDS,
    OUTAGE_SECONDS,
    delays,
    get_or_create,
    is_transient,
    operation_result,
    retry,
)
from retraining.google.jobs import JobStatus
from retraining.tuning import Trial

if TYPE_CHECKING:
    from datetime import datetime

    from google.api_core.operation import Operation
    from google.cloud.aiplatform_v1 import CustomJob, HyperparameterTuningJob

    from contract.naming import Identity
    from retraining.google import Clients

SUCCEEDED = "JOB_STATE_SUCCEEDED"
UNSUCCESSFUL = frozenset(
    {
        "JOB_STATE_FAILED",
        "JOB_STATE_CANCELLED",
        "JOB_STATE_EXPIRED",
        "JOB_STATE_PARTIALLY_SUCCEEDED",
    }
)
ENDED = UNSUCCESSFUL | {SUCCEEDED}
"""States that a job stays in. https://cloud.google.com/vertex-ai/docs/reference/rest/v1/JobState"""

SETTLE_SECONDS = 15.0
"""Time for which a job can still appear whose creation was not answered."""

_LACKS_MACHINES = frozenset({8, 14})
"""Codes of errors of jobs without machines: RESOURCE_EXHAUSTED, and UNAVAILABLE after a preemption.
https://cloud.google.com/vertex-ai/docs/general/troubleshooting?component=training
https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""

_MOST_LOSSES = 20
_SHORTEST_RUN = timedelta(minutes=1)
"""A job that lacks machines and ended sooner never had them."""

CANCELLING = "JOB_STATE_CANCELLING"
_KILL_SECONDS = 5.0
"""A killed task has little time left."""

Job = TypeVar("Job", bound=Any)


class VertexJobs(ABC, Generic[Job]):
    """Jobs of one kind in one project and region; a subclass knows the service's methods for them."""

    def __init__(self, clients: Clients) -> None:
        self._client = clients.jobs
        self._parent = clients.parent

    def find_all(
        self, labels: Mapping[str, str], *, timeout_seconds: float = CALL_TIMEOUT_SECONDS
    ) -> list[Job]:
        """Return every job that has these labels, whatever its state."""
        request = {"parent": self._parent, "filter": label_filter(labels)}
        jobs = self._list(request, retry=retry(timeout_seconds), timeout=timeout_seconds)
        return [job for job in jobs if all(job.labels.get(name) == value for name, value in labels.items())]

    def find(self, identity: Identity, *, made: Sequence[Job] = ()) -> Job | None:
        """Return the job of this identity that has succeeded, or else the oldest that is under way.

        Of two creations at once, or one whose answer came too late, two jobs are left: the others are
        cancelled. Everybody who looks keeps the same one.

        Args:
            identity: of the job.
            made: jobs of this identity that a listing may not show yet.
        """
        unusable = UNSUCCESSFUL | {CANCELLING}
        listed = {job.name: job for job in (*made, *self.find_all(identity.labels))}
        usable = [job for job in listed.values() if job.state.name not in unusable]
        usable.sort(key=lambda job: (job.state.name != SUCCEEDED, job.create_time, job.name))
        for job in usable[1:]:
            if job.state.name != SUCCEEDED:
                self.cancel(job.name)
        return usable[0] if usable else None

    def get_or_create(
        self, identity: Identity, describe: Callable[[Job | None], dict[str, Any]]
    ) -> tuple[Job, bool]:
        """Return the job of this identity, created if there is none.

        Args:
            identity: of the job.
            describe: describes a new job, given the newest one of this identity that did not succeed; called
                for each creation.

        Returns:
            The job, and whether it was there before.
        """
        from google.api_core.exceptions import TooManyRequests

        made: list[Job] = []
        settled_at = 0.0

        def create() -> Job:
            nonlocal settled_at
            failed = [job for job in self.find_all(identity.labels) if job.state.name in UNSUCCESSFUL]
            before = max(failed, key=lambda job: job.create_time, default=None)
            described = describe(before)
            labelled = {**described, "labels": {**described.get("labels", {}), **identity.labels}}
            try:
                made.append(self._create(self._parent, labelled, retry=None, timeout=CALL_TIMEOUT_SECONDS))
            except Exception as error:
                if is_transient(error) and not isinstance(error, TooManyRequests):
                    settled_at = time.monotonic() + SETTLE_SECONDS  # it may have been taken all the same
                raise
            return made[0]

        def find_settled() -> Job | None:
            """Return the job; after a creation that was not answered, wait until lists must show it."""
            found = self.find(identity)
            for delay in delays(SETTLE_SECONDS / 5):
                if found is not None or time.monotonic() > settled_at:
                    break
                time.sleep(delay)
                found = self.find(identity)
            return found

        found = get_or_create(find_settled, create)
        if not made:
            return found, True
        kept = self.find(identity, made=made) or found
        for delay in delays(SETTLE_SECONDS / 5):
            if time.monotonic() > settled_at:
                break
            time.sleep(delay)
            kept = self.find(identity, made=made) or kept
        return kept, kept.name != made[0].name

    def last_with_machines(self, identity: Identity) -> datetime | None:
        """Return when the newest unsuccessful job that had machines ended.

        None if there is none, or if so many have lost theirs that one more is no better a hope.
        """
        ended = [
            job.end_time
            for job in self.find_all(identity.labels)
            if job.state.name in UNSUCCESSFUL and _had_machines(job)
        ]
        return max(ended, default=None) if len(ended) <= _MOST_LOSSES else None

    def get(self, name: str, *, outage_seconds: float = OUTAGE_SECONDS) -> Job:
        """Return the job of this resource name, retrying while the service is away."""
        return self._get(name, retry=retry(outage_seconds), timeout=CALL_TIMEOUT_SECONDS)

    def status(self, name: str, *, outage_seconds: float = OUTAGE_SECONDS) -> JobStatus:
        """Return the status of the job of this resource name, retrying while the service is away."""
        job = self.get(name, outage_seconds=outage_seconds)
        state = job.state.name
        return JobStatus(
            state=state,
            ended=state in ENDED,
            succeeded=state == SUCCEEDED,
            created=job.create_time,
            error=job.error.message,
            lacks_machines=job.error.code in _LACKS_MACHINES,
        )

    def cancel(self, name: str) -> None:
        """Request a job's cancellation; a job that has ended stays as it is."""
        from google.api_core.exceptions import BadRequest

        try:
            self._cancel(name, retry=retry(_KILL_SECONDS), timeout=_KILL_SECONDS)
        except BadRequest:
            return  # it has ended

    def cancel_all(self, identity: Identity, *, report: Callable[[str], None]) -> None:
        """Request the cancellation of every running job of this identity."""
        for job in self.find_all(identity.labels, timeout_seconds=_KILL_SECONDS):
            if job.state.name not in ENDED:
                report(job.name)
                self.cancel(job.name)

    def delete(self, name: str, *, poll_seconds: float) -> None:
        """Delete a job; one that is under way is cancelled first, since the service deletes no other.

        Raises:
            TimeoutError: it is cancelled, but does not end.
        """
        if not self.status(name).ended:
            self.cancel(name)
            give_up_at = time.monotonic() + OUTAGE_SECONDS
            for delay in delays(poll_seconds):
                if self.status(name).ended:
                    break
                if time.monotonic() > give_up_at:
                    raise TimeoutError(f"{name} is cancelled, but has not ended for {OUTAGE_SECONDS:.0f} s")
                time.sleep(delay)
        operation = self._delete(name, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS)
        operation_result(operation, poll_seconds=poll_seconds, timeout_seconds=OUTAGE_SECONDS)

    @abstractmethod
    def _list(self, request: dict[str, Any], **call: Any) -> Iterable[Job]: ...

    @abstractmethod
    def _create(self, parent: str, job: dict[str, Any], **call: Any) -> Job: ...

    @abstractmethod
    def _get(self, name: str, **call: Any) -> Job: ...

    @abstractmethod
    def _cancel(self, name: str, **call: Any) -> None: ...

    @abstractmethod
    def _delete(self, name: str, **call: Any) -> Operation: ...


class CustomJobs(VertexJobs["CustomJob"]):
    """Training jobs of one project and region."""

    def _list(self, request: dict[str, Any], **call: Any) -> Iterable[CustomJob]:
        return self._client.list_custom_jobs(request=request, **call)

    def _create(self, parent: str, job: dict[str, Any], **call: Any) -> CustomJob:
        return self._client.create_custom_job(request={"parent": parent, "custom_job": job}, **call)

    def _get(self, name: str, **call: Any) -> CustomJob:
        return self._client.get_custom_job(name=name, **call)

    def _cancel(self, name: str, **call: Any) -> None:
        self._client.cancel_custom_job(name=name, **call)

    def _delete(self, name: str, **call: Any) -> Operation:
        return self._client.delete_custom_job(name=name, **call)


class TuningJobs(VertexJobs["HyperparameterTuningJob"]):
    """Tuning jobs of one project and region."""

    def trials(self, name: str) -> list[Trial]:
        """Return the trials of a job, in the order of their start."""
        return [_trial(trial) for trial in self.get(name).trials]

    def _list(self, request: dict[str, Any], **call: Any) -> Iterable[HyperparameterTuningJob]:
        return self._client.list_hyperparameter_tuning_jobs(request=request, **call)

    def _create(self, parent: str, job: dict[str, Any], **call: Any) -> HyperparameterTuningJob:
        request = {"parent": parent, "hyperparameter_tuning_job": job}
        return self._client.create_hyperparameter_tuning_job(request=request, **call)

    def _get(self, name: str, **call: Any) -> HyperparameterTuningJob:
        return self._client.get_hyperparameter_tuning_job(name=name, **call)

    def _cancel(self, name: str, **call: Any) -> None:
        self._client.cancel_hyperparameter_tuning_job(name=name, **call)

    def _delete(self, name: str, **call: Any) -> Operation:
        return self._client.delete_hyperparameter_tuning_job(name=name, **call)


def job_folder(job: CustomJob) -> str:
    """Return the folder of a training job, with a slash at its end."""
    return f"{job.job_spec.base_output_directory.output_uri_prefix.rstrip('/')}/"


def _had_machines(job: Any) -> bool:
    if job.error.code not in _LACKS_MACHINES:
        return True
    return bool(job.start_time) and job.end_time - job.start_time >= _SHORTEST_RUN


def _trial(trial: Any) -> Trial:
    return Trial(
        id=trial.id,
        state=trial.state.name,
        values={parameter.parameter_id: parameter.value for parameter in trial.parameters},
        metrics={metric.metric_id: metric.value for metric in trial.final_measurement.metrics},
    )
