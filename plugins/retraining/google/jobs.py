"""Jobs of any service: their status, and their lines in Cloud Logging."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from retraining.google.calls import call_errors, delays, is_transient

if TYPE_CHECKING:
    import logging

    from retraining.google import Clients

PAGE_SIZE = 1000
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0
PAUSE_GROWTH = 2.0
"""Pauses between reads of a job's log. Cloud Logging answers 60 reads a minute to a whole project, each of
a page: ten jobs that begin at once read less often than that, and sixty long ones, too.
https://cloud.google.com/logging/quotas#api-limits"""

LAST_LINES_SECONDS = 60.0
"""Time in which the next of the last lines must come: by then a quota that was used up is full again."""


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """Status of a job.

    Attributes:
        state: in the service's terms.
        ended: whether the job stays in this state.
        succeeded: whether it ended well.
        created: time of its creation; no line of its log is older.
        error: the service's error message; may be empty.
        lacks_machines: whether it failed because there were no machines for it, or they were taken back.
    """

    state: str
    ended: bool
    succeeded: bool
    created: datetime
    error: str = ""
    lacks_machines: bool = False


class Jobs(Protocol):
    """The jobs of a service."""

    def status(self, name: str, /, *, outage_seconds: float = ...) -> JobStatus:
        """Return the status of a job, retrying while the service is away."""

    def cancel(self, name: str, /) -> None:
        """Request a job's cancellation; a job that has ended stays as it is."""


class JobLines(Protocol):
    """Log lines of a job."""

    def new_lines(self) -> Iterable[str]:
        """Return the lines since the last call, oldest first."""


def follow(jobs: Jobs, name: str, logs: JobLines, *, poll_seconds: float, log: logging.Logger) -> JobStatus:
    """Wait for the end of a job, and log its states and lines as they come; return its last status.

    Lines are a convenience: if they can't be read, that is one warning, and the reads become rarer.
    """
    state, lines = "", _LineReader(name, logs, log)
    for delay in delays(poll_seconds):
        status = jobs.status(name)
        if status.state != state:
            state = status.state
            log.info("%s is %s", name, state)
        if status.ended:
            lines.read_rest()
            return status
        lines.read_if_due()
        time.sleep(delay)
    raise AssertionError("unreachable")  # `delays` has no end


class _LineReader:
    """Passes a job's lines on to a task's log, at intervals that grow and that chance spreads."""

    def __init__(self, job: str, lines: JobLines, log: logging.Logger) -> None:
        self._job = job
        self._lines = lines
        self._log = log
        self._warned = False
        self._count = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._due = 0.0
        self._wait()

    def read_if_due(self) -> None:
        """Log the new lines, unless the last read was a moment ago."""
        if time.monotonic() >= self._due:
            self._read()
            self._wait()

    def read_rest(self) -> None:
        """Log the lines up to the job's end, waiting for a busy service as long as it gives some."""
        self._pause = FIRST_PAUSE_SECONDS
        give_up_at, count = time.monotonic() + LAST_LINES_SECONDS, self._count
        while (error := self._read()) is not None:
            if self._count > count:
                give_up_at, count = time.monotonic() + LAST_LINES_SECONDS, self._count
            self._wait()
            if not is_transient(error) or self._due > give_up_at:
                self._log.info("The last lines of %s are in Cloud Logging alone", self._job)
                return
            time.sleep(max(0.0, self._due - time.monotonic()))

    def _read(self) -> Exception | None:
        """Log the new lines; return the error that ended them, if any."""
        try:
            for line in self._lines.new_lines():
                self._log.info("| %s", line)
                self._count += 1
        except call_errors() as error:
            if not self._warned:
                self._warned = True
                self._log.warning("%s: its lines can't be read now, it goes on: %s", self._job, error)
            return error
        return None

    def _wait(self) -> None:
        # Tasks that began at the same time don't know of each other.
        self._due = time.monotonic() + self._pause * random.uniform(0.75, 1.25)  # noqa: S311
        self._pause = min(self._pause * PAUSE_GROWTH, LONGEST_PAUSE_SECONDS)


class JobLogs:
    """The lines of one job; each call of `new_lines` gives what came since the last.

    Args:
        clients: of the job's project.
        resource_type: the monitored resource's.
        job_id: the job.
        since: its creation; without a time, Google's client asks for the last 24 hours only.
    """

    def __init__(self, clients: Clients, *, resource_type: str, job_id: str, since: datetime) -> None:
        self._client = clients.logging
        self._filter = f'resource.type="{resource_type}" AND resource.labels.job_id="{job_id}"'
        self._since = since
        self._seen: set[str] = set()

    @classmethod
    def of_custom_job(cls, clients: Clients, name: str, *, since: datetime) -> JobLogs:
        """Return the lines of a training job.

        https://cloud.google.com/vertex-ai/docs/training/monitor-debug-training
        """
        return cls(clients, resource_type="ml_job", job_id=name.rpartition("/")[2], since=since)

    @classmethod
    def of_dataflow_job(cls, clients: Clients, job_id: str, *, since: datetime) -> JobLogs:
        """Return the lines of a Dataflow job.

        https://cloud.google.com/dataflow/docs/guides/logging
        """
        return cls(clients, resource_type="dataflow_step", job_id=job_id, since=since)

    def new_lines(self) -> Iterator[str]:
        """Return the lines since the last call, oldest first; after an error, the next call goes on there."""
        from google.cloud.logging import ASCENDING

        condition = f'{self._filter} AND timestamp>="{self._since.isoformat()}"'
        for entry in self._client.list_entries(filter_=condition, order_by=ASCENDING, page_size=PAGE_SIZE):
            if entry.insert_id in self._seen:
                continue
            # Several lines can share a time: the last one's are remembered, older ones never come back.
            if entry.timestamp != self._since:
                self._since, self._seen = entry.timestamp, set()
            self._seen.add(entry.insert_id)
            yield _text(entry.payload)


def _text(payload: Any) -> str:
    if isinstance(payload, dict):
        return str(payload.get("message", payload))
    return "" if payload is None else str(payload)
