"""What can be chosen about the models of tables, checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from trainer.ranges import COUNT, POSITIVE, SHARE, Range, between, check, one_of

ExportFormat = Literal["JSON", "CSV", "EXAMPLE"]

MAX_PIECES = 100
"""Quantiles tell no more pieces apart."""


@dataclass(frozen=True, kw_only=True)
class TableOptions(ABC):
    """What the models of tables have in common.

    Attributes:
        embedding_size: numbers that stand for a word in the hidden layers.
        dropout: share of the outputs of each hidden layer that a training step leaves out, 0 to below 1.
        pieces: pieces of the piecewise linear function of each number, between quantiles of its values; 0
            for straight lines.
        exact: numbers of which certain values tell more than their size, separated by commas; each value has
            weights and an embedding of its own, as a word has.
        crosses: features whose combinations have a weight of their own, joined by `+`, one group after
            another with commas: `education+occupation,age+education`. Numbers count by their range.
        cross_buckets: weights that the combinations of a group share, where there are more combinations.
        timestamp: the words that hold a date and a time, `2018-01-31 23:59:00` for instance, separated by
            commas; the model sees hour, weekday and month.
        points: numbers that hold two points on Earth in degrees, as longitude, latitude, longitude,
            latitude, separated by commas; the model sees distances and directions.
        export_format: what a request to the exported model holds: JSON columns, a CSV row of all inputs in
            order, or a serialized tf.Example.

    Raises:
        InputError: a value is out of range.
    """

    embedding_size: int = 8
    dropout: float = 0.1
    pieces: int = 20
    exact: str = ""
    crosses: str = ""
    cross_buckets: int = 10_000
    timestamp: str = ""
    points: str = ""
    export_format: ExportFormat = "JSON"

    def __post_init__(self) -> None:
        check(
            self,
            {
                "embedding_size": COUNT,
                "dropout": SHARE,
                "pieces": between(0, MAX_PIECES, "pieces"),
                "exact": _LIST_OF_NAMES,
                "crosses": _GROUPS,
                "cross_buckets": COUNT,
                "timestamp": _LIST_OF_NAMES,
                "points": _POINTS,
                "export_format": one_of(ExportFormat),
            },
        )

    @property
    def exact_names(self) -> tuple[str, ...]:
        """The features of `exact`."""
        return _names(self.exact, ",")

    @property
    def cross_groups(self) -> tuple[tuple[str, ...], ...]:
        """The features of each group of `crosses`."""
        return tuple(_names(group, "+") for group in _names(self.crosses, ","))

    @property
    def timestamp_names(self) -> tuple[str, ...]:
        """The features of `timestamp`."""
        return _names(self.timestamp, ",")

    @property
    def point_names(self) -> tuple[str, ...]:
        """The features of `points`: four, or none."""
        return _names(self.points, ",")

    @property
    @abstractmethod
    def layers(self) -> tuple[int, ...]:
        """Units of each hidden layer."""


@dataclass(frozen=True, kw_only=True)
class WideDeepOptions(TableOptions):
    """Wide & deep (Cheng et al., 2016, https://arxiv.org/abs/1606.07792). The defaults are the source's.

    Attributes:
        first_layer_size: units of the first hidden layer.
        num_layers: hidden layers.
        scale_factor: what a hidden layer has of the units of the one before it.
    """

    first_layer_size: int = 100
    num_layers: int = 4
    scale_factor: float = 0.7

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, {"first_layer_size": COUNT, "num_layers": COUNT, "scale_factor": POSITIVE})

    @property
    def layers(self) -> tuple[int, ...]:
        """Units of each hidden layer, at least 2: the source's formula."""
        return tuple(
            max(2, int(self.first_layer_size * self.scale_factor**index)) for index in range(self.num_layers)
        )


@dataclass(frozen=True, kw_only=True)
class RegressionOptions(TableOptions):
    """A regression by a deep network. Its default hidden layers are the source's.

    Attributes:
        dropout: share of the outputs of each hidden layer that a training step leaves out, 0 to below 1; it
            harms where outputs have a size, not only an order.
        hidden_units: units of each hidden layer, separated by spaces.
        huber_delta: above this error, in standard deviations of the label, the loss grows linearly: large
            for the least squared error, small for the least absolute error.
    """

    dropout: float = 0.0
    hidden_units: str = "128 32 4"
    huber_delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, {"hidden_units": _UNITS, "huber_delta": POSITIVE})

    @property
    def layers(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return tuple(int(units) for units in self.hidden_units.split())


def _names(text: str, separator: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(separator)) if text.strip() else ()


def _are_units(text: str) -> bool:
    return bool(text.split()) and all(word.isdecimal() and int(word) >= 1 for word in text.split())


_LIST_OF_NAMES = Range("names, separated by commas", lambda value: all(_names(value, ",")))
_GROUPS = Range(
    "groups of two or more names, joined by +, separated by commas",
    lambda value: all(len(_names(group, "+")) > 1 for group in _names(value, ",")),
)
_POINTS = Range("no or four names, separated by commas", lambda value: len(_names(value, ",")) in (0, 4))
_UNITS = Range("numbers of 1 or more, separated by spaces", _are_units)
