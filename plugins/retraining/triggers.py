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
from retraining.google.dataflow_jobs import DataflowJobs, WaitingRuns
from retraining.google.jobs import Jobs
from retraining.google.storage import Storage
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
        await sync_to_async(self.cancel, thread_sensitive=False)()

    def cancel(self) -> None:
        """Cancel the job."""
        self.jobs.cancel(self.job)

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
    """Trigger that waits for a Dataflow job, which several runs may wait for.

    Args:
        waiting_folder: the folder in which each of them has an object.
        run: the slug of the trigger's run.
        kwargs: of every trigger.
    """

    def __init__(self, *, waiting_folder: str, run: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.waiting_folder = waiting_folder
        self.run_slug = run

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments, for the triggerer."""
        name, arguments = super().serialize()
        return name, {**arguments, "waiting_folder": self.waiting_folder, "run": self.run_slug}

    def cancel(self) -> None:
        """Cancel the job, unless another run waits for it, too."""
        waiting = WaitingRuns(Storage(self.clients), folder=self.waiting_folder, run=self.run_slug)
        if not waiting.leave():
            super().cancel()

    @property
    def jobs(self) -> DataflowJobs:
        """Jobs of Dataflow."""
        return DataflowJobs(self.clients)
