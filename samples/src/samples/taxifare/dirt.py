"""What is wrong with some rows, as in the trip records that taxis really send."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

FARE, PICKUP_LONGITUDE, DROPOFF_LATITUDE, PASSENGERS = 0, 1, 4, 5


def _without_position(row: list[str]) -> list[str]:
    """No satellite in sight: the point where the equator meets the meridian of Greenwich."""
    places = slice(PICKUP_LONGITUDE, DROPOFF_LATITUDE + 1)
    return [*row[: places.start], *["0.0"] * 4, *row[places.stop :]]


def _refund(row: list[str]) -> list[str]:
    """A fare that was taken back."""
    return [f"-{row[FARE]}", *row[1:]]


def _nobody(row: list[str]) -> list[str]:
    """The driver did not enter the number of passengers."""
    return [*row[:PASSENGERS], "0", *row[PASSENGERS + 1 :]]


def _cut_off(row: list[str]) -> list[str]:
    """A line that broke off."""
    return row[:PASSENGERS]


def _a_word(row: list[str]) -> list[str]:
    """A word where a number belongs."""
    return ["n/a", *row[1:]]


KINDS: dict[str, tuple[float, Callable[[list[str]], list[str]]]] = {
    "all four coordinates are 0": (0.004, _without_position),
    "a negative fare": (0.002, _refund),
    "no passengers": (0.002, _nobody),
    "the line breaks off": (0.0005, _cut_off),
    "'n/a' for the fare": (0.0005, _a_word),
}
"""In words -> the share of rows, and what becomes of such a row."""


def soil(rng: np.random.Generator, rows: list[list[str]]) -> list[list[str]]:
    """The rows, some of them as they should not be."""
    shares = np.array([share for share, _ in KINDS.values()])
    kinds = np.searchsorted(np.cumsum(shares), rng.random(len(rows)), side="right")
    spoilers = [spoil for _, spoil in KINDS.values()]
    return [
        spoilers[kind](row) if kind < len(spoilers) else row for kind, row in zip(kinds, rows, strict=True)
    ]
