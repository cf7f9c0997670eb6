"""Numbers as a network takes them: standardized, and as pieces of a piecewise linear function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract import FeatureSpec, NumberStatistics

_RANGES = 10
"""In a cross, a number counts by which tenth of the values it is in."""

EXACT_VALUES = 1_000
"""Indices of exact values; values share them by chance."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """A number as how far it got through each piece between edges: all 1 below it, all 0 above it.

    A linear layer on top is a piecewise linear function of the number, with a slope for each piece (piecewise
    linear encoding: Gorishniy et al., 2022, https://arxiv.org/abs/2203.05556).

    Attributes:
        edges: ascending, two or more.
    """

    edges: tuple[float, ...]

    @property
    def width(self) -> int:
        """How many numbers stand for one."""
        return len(self.edges) - 1

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Encode float32 (batch,) as float32 (batch, width), 0 to 1."""
        edges = np.asarray(self.edges, np.float32)
        return tf.clip_by_value((values[:, None] - edges[:-1]) / np.diff(edges), 0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class NumberColumn:
    """A numeric feature, encoded with what the statistics say of it.

    Attributes:
        name: of the feature.
        default: what stands for a value that is no number.
        mean: of the values.
        std: their standard deviation.
        minimum: smaller values are taken for it: nothing was learnt of them.
        maximum: greater values are taken for it.
        pieces: the encoding between quantiles; `None` for a straight line.
        range_edges: between the ranges that count in a cross.
    """

    name: str
    default: float
    mean: float
    std: float
    minimum: float
    maximum: float
    pieces: Pieces | None
    range_edges: tuple[float, ...]

    @classmethod
    def of(cls, feature: FeatureSpec, statistics: NumberStatistics, *, pieces: int) -> NumberColumn:
        """The column of a feature.

        Args:
            feature: a number.
            statistics: of its values in training.
            pieces: how many at most.
        """
        default = statistics.mean if feature.default is None else float(feature.default)
        quantiles = np.asarray(statistics.quantiles, np.float32)
        edges = _distinct(quantiles, pieces + 1) if pieces else ()
        return cls(
            name=feature.name,
            default=default,
            mean=statistics.mean,
            std=statistics.std or 1.0,
            minimum=statistics.minimum,
            maximum=statistics.maximum,
            pieces=Pieces(edges=edges) if len(edges) > 1 else None,
            range_edges=_distinct(quantiles, _RANGES + 1)[1:-1],
        )

    @property
    def ranges(self) -> int:
        """How many ranges there are."""
        return len(self.range_edges) + 1

    def clean(self, values: tf.Tensor) -> tf.Tensor:
        """The values as float32 within what was seen in training, (batch,)."""
        values = tf.cast(values, tf.float32)
        values = tf.where(tf.math.is_nan(values), tf.constant(self.default, tf.float32), values)
        return tf.clip_by_value(values, self.minimum, self.maximum)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """Clean values, float32 (batch,), as float32 (batch, width)."""
        standardized = ((values - self.mean) / self.std)[:, None]
        return standardized if self.pieces is None else tf.concat([standardized, self.pieces(values)], axis=1)

    def range_index(self, values: tf.Tensor) -> tf.Tensor:
        """In which range clean values are, int32 (batch,)."""
        if not self.range_edges:
            return tf.zeros_like(values, tf.int32)
        return tf.searchsorted(tf.constant(self.range_edges, tf.float32), values, side="right")


def exact_index(values: tf.Tensor) -> tf.Tensor:
    """An index for each different value to six decimals, below `EXACT_VALUES`; int32 (batch,)."""
    # Adding 0 turns -0 into 0, which is written otherwise.
    return tf.cast(tf.strings.to_hash_bucket_fast(tf.strings.as_string(values + 0.0), EXACT_VALUES), tf.int32)


def _distinct(quantiles: NDArray[np.float32], count: int) -> tuple[float, ...]:
    """At most so many of the quantiles, evenly chosen among those that differ, with the first and the last.

    Where most values are the same, evenly chosen ranks would be the same as well, and the rest would be
    in one piece.
    """
    distinct = np.unique(quantiles)
    if len(distinct) > count:
        distinct = distinct[np.linspace(0, len(distinct) - 1, count).round().astype(int)]
    return tuple(float(edge) for edge in distinct)
