"""Jobs of any service: their status, and their lines in Cloud Logging."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from retraining.google.calls import CALL_TIMEOUT_SECONDS, delays, retry

if TYPE_CHECKING:
    from datetime import datetime

    from retraining.google import Clients

PAGE_SIZE = 1000
LOG_SECONDS = 5.0
"""Cloud Logging answers 60 reads a minute for a whole project."""


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """Status of a job.

    Attributes:
        state: in the service's terms.
        ended: whether the job stays in this state.
        succeeded: whether it ended well.
        error: the service's error message; may be empty.
    """

    state: str
    ended: bool
    succeeded: bool
    error: str = ""


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


def follow(
    jobs: Jobs, name: str, logs: JobLines, *, poll_seconds: float, report: Callable[[str], None]
) -> JobStatus:
    """Wait for the end of a job, and report its states and lines as they come; return its last status."""
    state, next_log = "", 0.0
    for delay in delays(poll_seconds):
        status = jobs.status(name)
        if status.state != state:
            state = status.state
            report(f"{name} is {state}")
        if status.ended or time.monotonic() >= next_log:
            for line in logs.new_lines():
                report(f"| {line}")
            next_log = time.monotonic() + min(LOG_SECONDS, poll_seconds)
        if status.ended:
            return status
        time.sleep(delay)
    raise AssertionError("unreachable")  # `delays` has no end


class JobLogs:
    """The lines of one job; each call of `new_lines` gives what came since the last."""

    def __init__(self, clients: Clients, *, resource_type: str, job_id: str) -> None:
        self._client = clients.logging
        self._filter = f'resource.type="{resource_type}" AND resource.labels.job_id="{job_id}"'
        self._since: datetime | None = None
        self._seen: set[str] = set()

    @classmethod
    def of_custom_job(cls, clients: Clients, name: str) -> JobLogs:
        """Return the lines of a training job.

        https://cloud.google.com/vertex-ai/docs/training/monitor-debug-training
        """
        return cls(clients, resource_type="ml_job", job_id=name.rpartition("/")[2])

    @classmethod
    def of_dataflow_job(cls, clients: Clients, job_id: str) -> JobLogs:
        """Return the lines of a Dataflow job.

        https://cloud.google.com/dataflow/docs/guides/logging
        """
        return cls(clients, resource_type="dataflow_step", job_id=job_id)

    def new_lines(self) -> Iterator[str]:
        """Return the lines since the last call, oldest first."""
        from google.cloud.logging import ASCENDING

        condition = self._filter
        if self._since:
            condition += f' AND timestamp>="{self._since.isoformat()}"'

        def read() -> list[Any]:
            return list(self._client.list_entries(filter_=condition, order_by=ASCENDING, page_size=PAGE_SIZE))

        for entry in retry(CALL_TIMEOUT_SECONDS)(read)():
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
