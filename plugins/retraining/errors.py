"""What a step can't mend by being tried again."""


class ConfigurationError(ValueError):
    """A setting, a source or a spec is wrong: the task fails at once, without retries."""
