"""How a job is doing, whichever service runs it."""

from __future__ import annotations

from dataclasses import dataclass


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
