"""What a step can't mend by being tried again."""


class ConfigurationError(ValueError):
    """A setting, a source or a spec is wrong: the task fails at once, without retries."""


class NothingToDoError(Exception):
    """There is nothing for a run to do: it is skipped, and its note says why."""


class NoDataYetError(NothingToDoError):
    """The newest data of a run's interval has not come."""


class UnchangedError(NothingToDoError):
    """What is in production was made from just what this run would make it from."""
