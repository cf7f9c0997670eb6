"""Training jobs of Vertex AI, found by their labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from retraining.hooks.creation import find_or_create
from retraining.hooks.job_status import JobStatus
from retraining.polling import CALL_TIMEOUT_SECONDS, OUTAGE_SECONDS, retry

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import CustomJob

    from retraining.hooks.clients import Clients
    from retraining.labels import Identity

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

CANCELLING = "JOB_STATE_CANCELLING"


class CustomJobs:
    """Training jobs of one project and region."""

    def __init__(self, clients: Clients) -> None:
        self._client = clients.custom_jobs
        self._parent = clients.parent

    def find(self, identity: Identity) -> CustomJob | None:
        """The job of this identity that is under way or has succeeded; of several, the newest."""
        jobs = self._client.list_custom_jobs(
            request={"parent": self._parent, "filter": identity.filter},
            retry=retry(CALL_TIMEOUT_SECONDS),
            timeout=CALL_TIMEOUT_SECONDS,
        )
        unusable = UNSUCCESSFUL | {CANCELLING}
        usable = [job for job in jobs if identity.owns(job.labels) and job.state.name not in unusable]
        return max(usable, key=lambda job: job.create_time, default=None)

    def find_or_create(self, identity: Identity, job: dict[str, Any]) -> tuple[CustomJob, bool]:
        """The job of this identity, made if there is none.

        Returns:
            The job, and whether it was there before.
        """
        made: list[CustomJob] = []

        def create() -> CustomJob:
            request = {"parent": self._parent, "custom_job": {**job, "labels": identity.labels}}
            made.append(
                self._client.create_custom_job(request=request, retry=None, timeout=CALL_TIMEOUT_SECONDS)
            )
            return made[0]

        found = find_or_create(lambda: self.find(identity), create)
        return found, not made

    def status(self, name: str, *, outage_seconds: float = OUTAGE_SECONDS) -> JobStatus:
        """How the job of this resource name is doing, asked again while the service is away."""
        job = self._client.get_custom_job(
            name=name, retry=retry(outage_seconds), timeout=CALL_TIMEOUT_SECONDS
        )
        state = job.state.name
        return JobStatus(
            state=state, ended=state in ENDED, succeeded=state == SUCCEEDED, error=job.error.message
        )

    def cancel(self, name: str) -> None:
        """Ask for a job's end; a job that has ended stays as it is."""
        from google.api_core.exceptions import BadRequest

        try:
            self._client.cancel_custom_job(name=name, retry=retry(5.0), timeout=5.0)
        except BadRequest:
            return  # it has ended

    def cancel_all(self, identity: Identity, *, report: Callable[[str], None]) -> None:
        """Ask for the end of every job of this identity that is under way."""
        for job in self._client.list_custom_jobs(
            request={"parent": self._parent, "filter": identity.filter}, retry=retry(5.0), timeout=5.0
        ):
            if identity.owns(job.labels) and job.state.name not in ENDED:
                report(job.name)
                self.cancel(job.name)
