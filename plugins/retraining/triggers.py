"""Triggers that wait for a job while its task is deferred."""

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
    """Trigger that fires when a job has ended, with `{"job": ..., "state": ...}`.

    Google's REST clients poll in a thread: the asynchronous ones have no credentials that renew themselves.

    Args:
        job: the job, as its service names it.
        connection_id: the Airflow connection.
        project: the Google Cloud project.
        region: where the job runs.
        poll_seconds: the longest interval between polls.
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
        """Return the class and its arguments, for the triggerer."""
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
        """Poll the job until it has ended."""
        poll = sync_to_async(
            lambda: self.jobs.status(self.job, outage_seconds=OUTAGE_SECONDS), thread_sensitive=False
        )
        for delay in delays(self.poll_seconds):
            status = await poll()
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
        """Jobs of the service."""


class CustomJobTrigger(JobTrigger):
    """Trigger that waits for a training job of Vertex AI."""

    @property
    def jobs(self) -> CustomJobs:
        """Training jobs of Vertex AI."""
        return CustomJobs(self.clients)


class TuningJobTrigger(JobTrigger):
    """Trigger that waits for a tuning job of Vertex AI."""

    @property
    def jobs(self) -> TuningJobs:
        """Tuning jobs of Vertex AI."""
        return TuningJobs(self.clients)


class DataflowJobTrigger(JobTrigger):
    """Trigger that waits for a Dataflow job."""

    @property
    def jobs(self) -> DataflowJobs:
        """Jobs of Dataflow."""
        return DataflowJobs(self.clients)
