"""Errors of a training job that its user can mend, with the words that describe allowed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TrainingError(Exception):
    """A training job can't go on; its message is for the user."""


class InputError(TrainingError, ValueError):
    """A flag or a file has a value that it can't have."""

    def __init__(self, field: str, *, expected: str, received: object) -> None:
        """Name the wrong field, the values that it takes and the one that it got."""
        super().__init__(f"{field}: expected {expected}, received {received!r}")


class Interrupted(TrainingError):  # noqa: N818 - it is no fault of the job
    """The job was asked to stop (SIGTERM) and can be resumed."""

    def __init__(self, step: int) -> None:
        """Name the step of the last checkpoint."""
        super().__init__(f"stopped at step {step}; the same command goes on from the newest checkpoint")


def flag_of(field: str) -> str:
    """Return the command line flag of a field."""
    return "--" + field.replace("_", "-")


def describe_values(schema: Mapping[str, Any], *, unit: str = "") -> str:
    """Describe in words the values that a JSON schema allows: `1 or more`, `0 to below 1`.

    Args:
        schema: of one value, with `enum` or bounds.
        unit: of the bounds.
    """
    if "enum" in schema:
        return f"one of {tuple(schema['enum'])}"
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if high is None and below is None:
        return f"a number above {above:g}" if low is None else f"{low:g} or more"
    begin = f"above {above:g}," if low is None else f"{low:g}"
    end = f"to below {below:g}" if high is None else f"to {high:g}"
    multiple = f", a multiple of {schema['multipleOf']:g}" if "multipleOf" in schema else ""
    return " ".join(filter(None, (begin, end, unit))) + multiple
