"""Errors that no further attempt would avoid, and reasons to wait or to do nothing."""

from __future__ import annotations

from datetime import datetime


class ConfigurationError(ValueError):
    """A setting, a source or a spec is wrong: the task fails at once, without retries."""


class NothingToDoError(Exception):
    """A run has nothing to do: it is skipped, and its note says why."""


class NoDataYetError(Exception):
    """The newest data of a run's interval has not arrived: the run waits for it, up to a limit.

    Attributes:
        until: when the wait is over.
    """

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class UnchangedError(NothingToDoError):
    """The model in production was trained on the same inputs."""


class ForeignResourceError(ConfigurationError):
    """A model or an endpoint has a name of ours, but not our labels: it is somebody else's."""


class InUseError(Exception):
    """A resource can't be removed: production serves it, or another resource needs it."""
