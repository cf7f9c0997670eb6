"""What the features of a table hold, shard by shard and merged: `numbers` and `words` of `statistics.json`.

Counts, smallest and greatest values are exact; so are means and standard deviations, up to the rounding of
sums. Words are counted exactly as long as no shard has more than `WORDS_PER_SHARD` distinct ones of a
feature; what is then dropped is counted as other. Quantiles come from a sample of the rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import NumberStatistics, WordStatistics
from contract.statistics import QUANTILES

WORDS = 10_000
"""How many words of a feature are listed."""

WORDS_PER_SHARD = 20_000
SAMPLE_ROWS = 10_000

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Count, mean, spread and range of values that are not kept.

    Attributes:
        count: how many values.
        missing: how many of them are a default.
        mean: of the values.
        squares: the sum of their squared distances from the mean.
        minimum: the smallest.
        maximum: the greatest.
    """

    count: int = 0
    missing: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0

    @classmethod
    def of(cls, values: Floats, *, missing: int) -> Moments:
        """The moments of values, shape (n,)."""
        if not values.size:
            return cls()
        mean = float(values.mean())
        return cls(
            count=values.size, missing=missing, mean=mean, squares=float(((values - mean) ** 2).sum()),
            minimum=float(values.min()), maximum=float(values.max()),
        )  # fmt: skip

    def merged(self, other: Moments) -> Moments:
        """The moments of both.

        Source: https://en.wikipedia.org/wiki/Algorithms_for_calculating_variance#Parallel_algorithm
        """
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        apart = other.mean - self.mean
        return Moments(
            count=count,
            missing=self.missing + other.missing,
            mean=self.mean + apart * other.count / count,
            squares=self.squares + other.squares + apart**2 * self.count * other.count / count,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
        )


@dataclass(frozen=True, kw_only=True)
class WordCounts:
    """How often each word occurs.

    Attributes:
        counts: by word.
        missing: how many values are a default.
        other: how many values are words that are no longer in `counts`.
    """

    counts: Mapping[str, int]
    missing: int = 0
    other: int = 0

    def merged(self, other: WordCounts) -> WordCounts:
        """The counts of both."""
        return WordCounts(
            counts=Counter(self.counts) + Counter(other.counts),
            missing=self.missing + other.missing,
            other=self.other + other.other,
        )

    def commonest(self, number: int) -> WordCounts:
        """The commonest words, the commonest first, equal ones in alphabetical order; the others as other."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        dropped = sum(count for _, count in ordered[number:])
        return WordCounts(counts=dict(ordered[:number]), missing=self.missing, other=self.other + dropped)


@dataclass(frozen=True, kw_only=True, eq=False)
class RowSample:
    """The rows with the smallest hashes: a random sample that depends on the rows alone, not on the shards.

    Attributes:
        hashes: shape (n,), in ascending order.
        values: the numeric features of the rows, shape (n, features).
    """

    hashes: Hashes
    values: Floats

    @classmethod
    def of(cls, hashes: Hashes, values: Floats, rows: int) -> RowSample:
        """At most `rows` of some rows."""
        kept = np.argsort(hashes, kind="stable")[:rows]
        return cls(hashes=hashes[kept], values=values[kept])

    def merged(self, other: RowSample, rows: int = SAMPLE_ROWS) -> RowSample:
        """At most `rows` of the rows of both."""
        hashes = np.concatenate([self.hashes, other.hashes])
        return RowSample.of(hashes, np.concatenate([self.values, other.values]), rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class TableStatistics:
    """What the features of a table hold.

    Attributes:
        numbers: by numeric feature, in the order of the sample's columns.
        words: by other feature.
        sample: some rows.
    """

    numbers: Mapping[str, Moments]
    words: Mapping[str, WordCounts]
    sample: RowSample

    def merged(self, other: TableStatistics) -> TableStatistics:
        """The statistics of both."""
        return TableStatistics(
            numbers={name: item.merged(other.numbers[name]) for name, item in self.numbers.items()},
            words={name: item.merged(other.words[name]) for name, item in self.words.items()},
            sample=self.sample.merged(other.sample),
        )


def merge(shards: Sequence[TableStatistics]) -> TableStatistics | None:
    """The statistics of all shards, by halves: each word is handled a few times, not once a shard."""
    if len(shards) < 2:
        return shards[0] if shards else None
    half = len(shards) // 2
    first, second = merge(shards[:half]), merge(shards[half:])
    return first.merged(second) if first and second else first or second


def feature_statistics(table: TableStatistics | None) -> dict[str, Any]:
    """`numbers` and `words`, as in `DatasetStatistics`; both empty where there is no table."""
    if table is None:
        return {"numbers": {}, "words": {}}
    return {
        "numbers": {
            name: _number_statistics(moments, table.sample.values[:, column]).to_json()
            for column, (name, moments) in enumerate(table.numbers.items())
        },
        "words": {name: _word_statistics(counts).to_json() for name, counts in table.words.items()},
    }


def _number_statistics(moments: Moments, sample: Floats) -> NumberStatistics:
    quantiles = [0.0] * QUANTILES
    if moments.count:
        quantiles = np.quantile(sample, np.linspace(0, 1, QUANTILES)).tolist()
        quantiles[0], quantiles[-1] = moments.minimum, moments.maximum
    return NumberStatistics(
        count=moments.count,
        missing=moments.missing,
        mean=_rounded(moments.mean),
        std=_rounded(math.sqrt(moments.squares / moments.count) if moments.count else 0.0),
        minimum=moments.minimum,
        maximum=moments.maximum,
        quantiles=tuple(map(_rounded, quantiles)),
    )


def _rounded(value: float) -> float:
    """To 12 digits: beyond them, it shows in which order values were summed."""
    return float(f"{value:.12g}")


def _word_statistics(counts: WordCounts) -> WordStatistics:
    commonest = counts.commonest(WORDS)
    return WordStatistics(
        count=counts.other + sum(counts.counts.values()),
        missing=counts.missing,
        words=commonest.counts,
        other=commonest.other,
    )
