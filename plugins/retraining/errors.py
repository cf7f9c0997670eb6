"""What a step can't mend by being tried again."""


class ConfigurationError(ValueError):
    """A setting, a source or a spec is wrong: the task fails at once, without retries."""


class NoDataYetError(Exception):
    """The newest data of a run's interval has not come: the run is skipped."""
