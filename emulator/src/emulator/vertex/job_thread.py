"""What the threads that carry out jobs have in common."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.rpc import status_pb2

from emulator.vertex.outcome import CANCELLED, STOPPED, Outcome
from emulator.vertex.resources import Resources
from emulator.vertex.wire.messages import types

_LOOK_SECONDS = 0.1


class JobThread(threading.Thread, ABC):
    """Carries one job out, or goes on with one that an earlier emulator began, and writes down its end."""

    def __init__(self, jobs: Resources, name: str, *, on_end: Callable[[], Any]) -> None:
        """Not started yet.

        Args:
            jobs: where the job is.
            name: the job's resource name.
            on_end: called last of all.
        """
        super().__init__(name=name, daemon=True)
        self._jobs = jobs
        self._job_name = name
        self._on_end = on_end
        self._woken = threading.Event()
        self._stopping = False

    def wake(self) -> None:
        """Look at the job's state at once."""
        self._woken.set()

    def stop(self) -> None:
        """End it because the emulator stops."""
        self._stopping = True
        self._woken.set()

    def run(self) -> None:
        """Carry the job out to its end."""
        try:
            self._finish(self.carry_out())
        finally:
            self._on_end()

    @abstractmethod
    def carry_out(self) -> Outcome:
        """Do what the job is about; returns when nothing of it runs any more."""

    def ended_at(self) -> datetime:
        """When what it is about ended."""
        return datetime.now(UTC)

    def interrupted(self) -> Outcome | None:
        """The end that somebody asked for, if anybody did."""
        if self._jobs.get(self._job_name).state == types.JobState.JOB_STATE_CANCELLING:
            return CANCELLED
        return STOPPED if self._stopping else None

    def pause(self) -> None:
        """Wait a moment, or until it is woken."""
        self._woken.wait(_LOOK_SECONDS)
        self._woken.clear()

    def mark_running(self, started_at: datetime) -> None:
        """The job is RUNNING from now on; a cancelled one stays CANCELLING."""

        def change(job: Any) -> None:
            if job.state == types.JobState.JOB_STATE_PENDING:
                job.state = types.JobState.JOB_STATE_RUNNING
            if not job.start_time:
                job.start_time = started_at

        self._jobs.change(self._job_name, change)

    def _finish(self, outcome: Outcome) -> None:
        ended_at = self.ended_at()

        def change(job: Any) -> None:
            job.state = outcome.state
            job.end_time = ended_at
            if outcome.code:
                job.error = status_pb2.Status(code=outcome.code, message=outcome.message)

        self._jobs.change(self._job_name, change)
