"""Which values a flag can take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from trainer.errors import InputError


class Range(NamedTuple):
    """The values that a field can have.

    Attributes:
        expected: in words.
        holds: whether a value is one of them.
    """

    expected: str
    holds: Callable[[Any], bool]


PLACE = Range("a folder or a gs:// URI", bool)
COUNT = Range("1 or more", lambda value: value >= 1)
OPTIONAL_COUNT = Range("1 or more", lambda value: value is None or value >= 1)
NOT_NEGATIVE = Range("0 or more", lambda value: math.isfinite(value) and value >= 0)
POSITIVE = Range("a number above 0", lambda value: math.isfinite(value) and value > 0)
SHARE = Range("0 to below 1", lambda value: 0 <= value < 1)
SHARE_ABOVE_0 = Range("above 0, to 1", lambda value: 0 < value <= 1)


def one_of(choices: object) -> Range:
    """The values of a `Literal`."""
    return Range(f"one of {get_args(choices)}", lambda value: value in get_args(choices))


def between(low: int, high: int, unit: str) -> Range:
    """Numbers of a unit, both ends included."""
    return Range(f"{low} to {high} {unit}", lambda value: low <= value <= high)


def flag_of(field: str) -> str:
    """The command line flag of a field."""
    return "--" + field.replace("_", "-")


def check(instance: object, ranges: Mapping[str, Range]) -> None:
    """Compare fields with their ranges.

    Raises:
        InputError: a field has a value that it can't have; it is named as a flag.
    """
    for name, (expected, holds) in ranges.items():
        value = getattr(instance, name)
        if not holds(value):
            raise InputError(flag_of(name), expected=expected, received=value)
