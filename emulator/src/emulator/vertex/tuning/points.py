"""What a study has tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = float | int | str
Point: TypeAlias = tuple[Value, ...]
"""One value for each parameter, in the study's order."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A trial until now.

    Attributes:
        point: its parameters' values.
        metrics: the values of the study's metrics, in their order; empty while it runs.
        infeasible: whether it ended without them.
    """

    point: Point
    metrics: tuple[float, ...] = ()
    infeasible: bool = False
