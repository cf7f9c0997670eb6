"""Jobs of Dataflow, found by their names: the service allows one active job of a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retraining.google.calls import CALL_TIMEOUT_SECONDS, OUTAGE_SECONDS, retry
from retraining.google.jobs import JobStatus

if TYPE_CHECKING:
    from google.cloud.dataflow_v1beta3 import Job

    from retraining.google import Clients
    from retraining.google.storage import Storage

SDISTS = ("perennial_contract-*.tar.gz", "perennial_preprocessing-*.tar.gz")
"""Packages that workers install."""

SUCCEEDED = "JOB_STATE_DONE"
ENDED = frozenset(
    {
        SUCCEEDED,
        "JOB_STATE_FAILED",
        "JOB_STATE_CANCELLED",
        "JOB_STATE_UPDATED",
        "JOB_STATE_DRAINED",
    }
)
"""States that a job stays in.
https://cloud.google.com/dataflow/docs/reference/rest/v1b3/projects.jobs#Job.JobState"""


_LACKS_MACHINES = ("ZONE_RESOURCE_POOL_EXHAUSTED", "QUOTA_EXCEEDED")
"""Reasons in the messages of jobs whose workers could not start.
https://cloud.google.com/dataflow/docs/guides/common-errors#worker-errors"""


class WaitingRuns:
    """Runs that wait for one conversion: each has an object, so that none cancels the job of the others.

    Args:
        storage: of the bucket.
        folder: the conversion's, with a slash at its end.
        run: the slug of the run that asks.
    """

    def __init__(self, storage: Storage, *, folder: str, run: str) -> None:
        self._storage = storage
        self._folder = folder
        self._run = run

    def enter(self) -> None:
        """Say that the run waits."""
        self._storage.touch(self._folder + self._run)

    def leave(self) -> list[str]:
        """Say that the run no longer waits, and return the slugs of those that still do."""
        self._storage.delete(self._folder + self._run)
        return [found.name for found in self._storage.list(self._folder)]


class DataflowJobs:
    """Jobs of one project and region."""

    def __init__(self, clients: Clients) -> None:
        self._jobs = clients.dataflow_jobs
        self._messages = clients.dataflow_messages
        self._where = {"project_id": clients.project, "location": clients.region}

    def find_active(self, name: str) -> Job | None:
        """Return the active job of this name, if there is one."""
        from google.cloud.dataflow_v1beta3 import ListJobsRequest

        jobs = self._jobs.list_jobs(
            request={**self._where, "filter": ListJobsRequest.Filter.ACTIVE},
            retry=retry(CALL_TIMEOUT_SECONDS),
            timeout=CALL_TIMEOUT_SECONDS,
        )
        return next((job for job in jobs if job.name == name), None)

    def find_all(self) -> list[Job]:
        """Return all jobs, whatever their state."""
        return list(
            self._jobs.list_jobs(
                request=self._where, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
            )
        )

    def status(self, job_id: str, *, outage_seconds: float = OUTAGE_SECONDS) -> JobStatus:
        """Return the status of the job of this id, retrying while the service is away."""
        job = self._jobs.get_job(
            request={**self._where, "job_id": job_id},
            retry=retry(outage_seconds),
            timeout=CALL_TIMEOUT_SECONDS,
        )
        state = job.current_state.name
        ended, succeeded = state in ENDED, state == SUCCEEDED
        error = "\n".join(self.errors(job_id)) if ended and not succeeded else ""
        return JobStatus(
            state=state,
            ended=ended,
            succeeded=succeeded,
            created=job.create_time,
            error=error,
            lacks_machines=any(reason in error for reason in _LACKS_MACHINES),
        )

    def cancel(self, job_id: str) -> None:
        """Request a job's cancellation; a job that has ended stays as it is."""
        from google.api_core.exceptions import BadRequest
        from google.cloud.dataflow_v1beta3 import JobState

        try:
            self._jobs.update_job(
                request={
                    **self._where,
                    "job_id": job_id,
                    "job": {"requested_state": JobState.JOB_STATE_CANCELLED},
                },
                retry=retry(5.0),
                timeout=5.0,
            )
        except BadRequest:
            return  # it has ended

    def errors(self, job_id: str) -> list[str]:
        """Return the service's error messages about a job, oldest first."""
        from google.cloud.dataflow_v1beta3 import JobMessageImportance

        messages = self._messages.list_job_messages(
            request={
                **self._where,
                "job_id": job_id,
                "minimum_importance": JobMessageImportance.JOB_MESSAGE_ERROR,
            },
            retry=retry(CALL_TIMEOUT_SECONDS),
            timeout=CALL_TIMEOUT_SECONDS,
        )
        return [message.message_text for message in messages]
