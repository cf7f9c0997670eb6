"""What is asked of a job, whichever service runs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """One look at a job.

    Attributes:
        state: the service's own word for it.
        ended: whether the job stays in this state.
        succeeded: whether it ended well.
        error: what the service says went wrong, if it does.
    """

    state: str
    ended: bool
    succeeded: bool
    error: str = ""


class Jobs(Protocol):
    """The jobs of a service."""

    def status(self, name: str, /, *, outage_seconds: float = ...) -> JobStatus:
        """How a job is doing, asked again while the service is away."""

    def cancel(self, name: str, /) -> None:
        """Ask for a job's end; a job that has ended stays as it is."""


class JobLines(Protocol):
    """What a job has to say."""

    def new_lines(self) -> Iterable[str]:
        """The lines since the last call, oldest first."""
