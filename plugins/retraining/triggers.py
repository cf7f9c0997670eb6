"""Waits for a job while its task is deferred; a subclass says which service has it."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from functools import cached_property
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from retraining.google import Clients
from retraining.google.calls import OUTAGE_SECONDS, delays
from retraining.google.dataflow_jobs import DataflowJobs
from retraining.google.jobs import Jobs
from retraining.google.vertex_jobs import CustomJobs, TuningJobs


class JobTrigger(BaseTrigger):
    """Fires when a job has ended, with `{"job": ..., "state": ...}`.

    Google's REST clients look in a thread: their asynchronous kin have no credentials that renew themselves.

    Args:
        job: the job, as its service names it.
        connection_id: the Airflow connection.
        project: the Google Cloud project.
        region: where the job runs.
        poll_seconds: the longest wait between two looks.
    """

    def __init__(
        self, *, job: str, connection_id: str, project: str, region: str, poll_seconds: float
    ) -> None:
        super().__init__()
        self.job = job
        self.connection_id = connection_id
        self.project = project
        self.region = region
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments, for the triggerer."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "job": self.job,
                "connection_id": self.connection_id,
                "project": self.project,
                "region": self.region,
                "poll_seconds": self.poll_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the job until it has ended."""
        look = sync_to_async(
            lambda: self.jobs.status(self.job, outage_seconds=OUTAGE_SECONDS), thread_sensitive=False
        )
        for delay in delays(self.poll_seconds):
            status = await look()
            if status.ended:
                yield TriggerEvent({"job": self.job, "state": status.state})
                return
            await asyncio.sleep(delay)

    async def on_kill(self) -> None:
        """Cancel the job: the deferred task was failed, cleared or marked by a user."""
        await sync_to_async(lambda: self.jobs.cancel(self.job), thread_sensitive=False)()

    async def cleanup(self) -> None:
        """Close the connections."""
        self.clients.close()

    @cached_property
    def clients(self) -> Clients:
        """Google's clients."""
        return Clients(self.connection_id, project=self.project, region=self.region)

    @property
    @abstractmethod
    def jobs(self) -> Jobs:
        """The service's jobs."""


class CustomJobTrigger(JobTrigger):
    """Waits for a training job of Vertex AI."""

    @property
    def jobs(self) -> CustomJobs:
        """Vertex AI's training jobs."""
        return CustomJobs(self.clients)


class TuningJobTrigger(JobTrigger):
    """Waits for a search for better arguments, a job of Vertex AI."""

    @property
    def jobs(self) -> TuningJobs:
        """Vertex AI's tuning jobs."""
        return TuningJobs(self.clients)


class DataflowJobTrigger(JobTrigger):
    """Waits for a job of Dataflow."""

    @property
    def jobs(self) -> DataflowJobs:
        """Dataflow's jobs."""
        return DataflowJobs(self.clients)
