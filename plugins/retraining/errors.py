"""Errors that no further attempt would avoid."""


class ConfigurationError(ValueError):
    """A setting, a source or a spec is wrong: the task fails at once, without retries."""


class NothingToDoError(Exception):
    """A run has nothing to do: it is skipped, and its note says why."""


class NoDataYetError(NothingToDoError):
    """The newest data of a run's interval has not arrived."""


class UnchangedError(NothingToDoError):
    """The model in production was trained on the same inputs."""


class InUseError(Exception):
    """A resource can't be removed: production serves it, or another resource needs it."""
