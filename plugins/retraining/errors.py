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


class NoMachinesError(Exception):
    """Google has no machines for a job now, or took back the ones that it had: the run waits for others."""


class RolloutWaitError(Exception):
    """A rollout goes on later: its step lasts, or another run's rollout is under way.

    Attributes:
        until: when to look again.
    """

    def __init__(self, message: str, *, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class RolloutFailedError(Exception):
    """A check of a rollout failed, or a decision stopped it, and the traffic split before it was restored.

    Attributes:
        is_final: whether no further attempt would avoid it.
        is_objection: whether a decision stopped the rollout, and the version is not to blame.
    """

    def __init__(self, message: str, *, is_final: bool, is_objection: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.is_objection = is_objection


class SplitChangedError(Exception):
    """Somebody else changed the traffic split during a rollout; it stays as they made it."""


class UnchangedError(NothingToDoError):
    """The same training was done before: its model is in production, was refused or was withdrawn."""


class ForeignResourceError(ConfigurationError):
    """A model or an endpoint has a name of ours, but not our labels: it is somebody else's."""


class InUseError(Exception):
    """A resource can't be removed: production serves it, or another resource needs it."""
