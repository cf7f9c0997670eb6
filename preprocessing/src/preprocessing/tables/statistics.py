"""Statistics of a table's features over the training rows: accumulated shard by shard, and merged.

Counts, smallest and greatest values are exact; so are means and standard deviations, up to the rounding of
sums. Categories are counted exactly as long as no shard has more than `CATEGORIES_PER_SHARD` distinct ones of
a feature; those then dropped are counted as other. Quantiles come from a sample of the rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import CategoricalStatistics, NumberStatistics
from contract.statistics import QUANTILES
from preprocessing.tables.encoding import Column, ColumnBatch, Floats, Mask, RecordBatch
from preprocessing.tables.rows import Lines

LISTED_CATEGORIES = 10_000
"""Number of a feature's categories that are listed."""

CATEGORIES_PER_SHARD = 20_000
SAMPLE_ROWS = 10_000

_COUNTED_CATEGORIES = 50_000
_COUNTED_CHARACTERS = 256
_LEAST_SAMPLE_ROWS = 500

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Count, mean, spread and range of values that are not kept.

    Attributes:
        count: number of values.
        missing: how many of them are a default.
        mean: of the values.
        squares: sum of their squared distances from the mean.
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
        """Return the moments of values, shape (n,)."""
        if not values.size:
            return cls()
        mean = float(values.mean())
        return cls(
            count=values.size, missing=missing, mean=mean, squares=float(((values - mean) ** 2).sum()),
            minimum=float(values.min()) + 0.0, maximum=float(values.max()) + 0.0,  # never -0
        )  # fmt: skip

    def merged(self, other: Moments) -> Moments:
        """Return the moments of both.

        Source: https://en.wikipedia.org/wiki/Algorithms_for_calculating_variance#Parallel_algorithm
        """
        if not self.count or not other.count:
            return self if self.count else other
        count = self.count + other.count
        delta = other.mean - self.mean
        return Moments(
            count=count,
            missing=self.missing + other.missing,
            mean=self.mean + delta * other.count / count,
            squares=self.squares + other.squares + delta**2 * self.count * other.count / count,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
        )

    def statistics(self, sample: Floats) -> NumberStatistics:
        """Return the statistics of the values, given a sample of them, shape (n,), for the quantiles."""
        quantiles = [0.0] * QUANTILES
        if self.count:
            quantiles = np.quantile(sample, np.linspace(0, 1, QUANTILES)).tolist()
            quantiles[0], quantiles[-1] = self.minimum, self.maximum
        return NumberStatistics(
            count=self.count,
            missing=self.missing,
            mean=_rounded(self.mean),
            std=_rounded(math.sqrt(self.squares / self.count) if self.count else 0.0),
            minimum=self.minimum,
            maximum=self.maximum,
            quantiles=tuple(map(_rounded, quantiles)),
        )


def _rounded(value: float) -> float:
    """Round to 12 digits: beyond them, the order shows in which values were summed."""
    return float(f"{value:.12g}")


@dataclass(frozen=True, kw_only=True)
class CategoryCounts:
    """Counts of the categories of a feature.

    Attributes:
        counts: by category.
        missing: number of values that are a default.
        other: number of values whose category is no longer in `counts`.
    """

    counts: Mapping[str, int]
    missing: int = 0
    other: int = 0

    def merged(self, other: CategoryCounts) -> CategoryCounts:
        """Return the counts of both."""
        return CategoryCounts(
            counts=Counter(self.counts) + Counter(other.counts),
            missing=self.missing + other.missing,
            other=self.other + other.other,
        )

    def commonest(self, number: int) -> CategoryCounts:
        """Return the commonest categories, equal ones in alphabetical order, with the others as other."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        dropped = sum(count for _, count in ordered[number:])
        return CategoryCounts(counts=dict(ordered[:number]), missing=self.missing, other=self.other + dropped)

    def statistics(self) -> CategoricalStatistics:
        """Return the statistics of the values."""
        listed = self.commonest(LISTED_CATEGORIES)
        return CategoricalStatistics(
            count=self.other + sum(self.counts.values()),
            missing=self.missing,
            counts=listed.counts,
            other=listed.other,
        )


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
        """Return a sample of at most `rows` of some rows."""
        kept = np.argsort(hashes, kind="stable")[:rows]
        return cls(hashes=hashes[kept], values=values[kept])

    def merged(self, other: RowSample, rows: int = SAMPLE_ROWS) -> RowSample:
        """Return a sample of at most `rows` of the rows of both."""
        hashes = np.concatenate([self.hashes, other.hashes])
        return RowSample.of(hashes, np.concatenate([self.values, other.values]), rows)


def row_hashes(seed: int, lines: Lines) -> Hashes:
    """Return a 64-bit hash of each row by its file and line: the same wherever shards begin.

    Args:
        seed: stands for the file, 64 bits.
        lines: of the rows, shape (n,).

    Source: https://prng.di.unimi.it/splitmix64.c
    """
    z = lines.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@dataclass(frozen=True, kw_only=True, eq=False)
class TableStats:
    """Statistics of the features of a table.

    Attributes:
        numbers: by numeric feature, in the order of the sample's columns.
        categories: by categorical feature.
        sample: some rows.
    """

    numbers: Mapping[str, Moments]
    categories: Mapping[str, CategoryCounts]
    sample: RowSample

    def merged(self, other: TableStats) -> TableStats:
        """Return the statistics of both."""
        return TableStats(
            numbers={name: item.merged(other.numbers[name]) for name, item in self.numbers.items()},
            categories={name: item.merged(other.categories[name]) for name, item in self.categories.items()},
            sample=self.sample.merged(other.sample),
        )


def merge_tables(shards: Sequence[TableStats]) -> TableStats:
    """Return the statistics of all shards, by halves, so that each category is handled only a few times."""
    if len(shards) == 1:
        return shards[0]
    half = len(shards) // 2
    return merge_tables(shards[:half]).merged(merge_tables(shards[half:]))


def merge_statistics(shards: Sequence[TableStats]) -> dict[str, Any]:
    """Return the statistics of all shards as fields of `DatasetStatistics`."""
    if not shards:
        return {"numbers": {}, "categories": {}}
    table = merge_tables(shards)
    return {
        "numbers": {
            name: moments.statistics(table.sample.values[:, column])
            for column, (name, moments) in enumerate(table.numbers.items())
        },
        "categories": {name: counts.statistics() for name, counts in table.categories.items()},
    }


class StatsAccumulator:
    """Accumulates the statistics of a shard's training rows, a batch at a time, in bounded memory."""

    def __init__(self, columns: Sequence[Column], *, num_shards: int) -> None:
        """Accumulate for these columns but keys, which tell rows apart and say nothing of them."""
        described = [(index, column) for index, column in enumerate(columns) if column.feature.role != "key"]
        self._numbers = [
            _NumberColumn(index, column) for index, column in described if column.feature.is_number
        ]
        self._categories = [
            _CategoryColumn(index, column)
            for index, column in described
            if not column.feature.is_number and column.feature.role != "label"
        ]
        # A shard's share of the sample, with room to spare: many shards together stay small.
        self._rows = min(SAMPLE_ROWS, max(_LEAST_SAMPLE_ROWS, 4 * SAMPLE_ROWS // num_shards))
        self._sample = RowSample(
            hashes=np.empty(0, np.uint64), values=np.empty((0, len(self._numbers)), np.float64)
        )

    def add(self, batch: RecordBatch, mask: Mask, hashes: Hashes) -> None:
        """Count the training rows of a batch.

        Args:
            batch: n rows.
            mask: True for rows of the training split, shape (n,).
            hashes: of all rows, shape (n,).
        """
        for categories in self._categories:
            categories.add(batch.columns[categories.index], mask)
        if not self._numbers:
            return
        values = np.stack(
            [numbers.add(batch.columns[numbers.index], mask) for numbers in self._numbers], axis=1
        )
        hashes = hashes[mask]
        if self._sample.hashes.size == self._rows:
            low = hashes < self._sample.hashes[-1]
            hashes, values = hashes[low], values[low]
        if hashes.size:
            self._sample = self._sample.merged(RowSample(hashes=hashes, values=values), self._rows)

    def statistics(self) -> TableStats:
        """Return the statistics of the rows so far."""
        return TableStats(
            numbers={numbers.name: numbers.moments for numbers in self._numbers},
            categories={categories.name: categories.counts() for categories in self._categories},
            sample=self._sample,
        )


class _NumberColumn:
    """The moments of a numeric column."""

    def __init__(self, index: int, column: Column) -> None:
        self.index = index
        self.name = column.feature.name
        self.moments = Moments()
        self._column = column

    def add(self, batch: ColumnBatch, mask: Mask) -> Floats:
        """Count the chosen ones of n rows, and return their values, shape (chosen,)."""
        assert batch.numbers is not None  # noqa: S101 - every number has them
        values, missing = batch.numbers[mask], 0
        if batch.distinct is not None and self._column.missing_texts:
            counts = batch.count_texts(mask)
            missing = sum(counts[text] for text in self._column.missing_texts)
        self.moments = self.moments.merged(Moments.of(values, missing=missing))
        return values


class _CategoryColumn:
    """The categories of a column, counted by raw text, which is resolved once, at the end."""

    def __init__(self, index: int, column: Column) -> None:
        self.index = index
        self.name = column.feature.name
        self._column = column
        self._raw: Counter[str] = Counter()
        self._counts = CategoryCounts(counts={})

    def add(self, batch: ColumnBatch, mask: Mask) -> None:
        self._raw += batch.count_texts(mask)
        if len(self._raw) > _COUNTED_CATEGORIES:
            self._fold()

    def counts(self) -> CategoryCounts:
        self._fold()
        return self._counts.commonest(CATEGORIES_PER_SHARD)

    def _fold(self) -> None:
        """Resolve raw texts to categories and forget the rarest, when there are many."""
        counts: Counter[str] = Counter()
        missing = other = 0
        for raw, count in self._raw.items():
            missing += count if self._column.is_missing(raw) else 0
            category = self._column.category(raw)
            if len(category) > _COUNTED_CHARACTERS:
                other += count
            else:
                counts[category] += count
        self._raw.clear()
        folded = self._counts.merged(CategoryCounts(counts=counts, missing=missing, other=other))
        self._counts = folded.commonest(_COUNTED_CATEGORIES)
