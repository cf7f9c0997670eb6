"""What can go wrong with a training job that its user can mend."""


class TrainingError(Exception):
    """A training job can't go on; its message is for the user."""


class InputError(TrainingError, ValueError):
    """A flag or a file has a value that it can't have."""

    def __init__(self, field: str, *, expected: str, received: object) -> None:
        """Say which field is wrong, what it takes and what it got."""
        super().__init__(f"{field}: expected {expected}, received {received!r}")


class Interrupted(TrainingError):  # noqa: N818 - it is no fault of the job
    """The job was asked to stop (SIGTERM) and can be resumed."""

    def __init__(self, step: int) -> None:
        """Say at which step."""
        super().__init__(f"stopped at step {step}; the same command goes on from the newest checkpoint")
