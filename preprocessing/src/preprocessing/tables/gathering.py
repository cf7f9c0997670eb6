"""Gathers the statistics of a shard's training rows, a batch of columns at a time, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt

from preprocessing.tables.columns import Column
from preprocessing.tables.encoding import Batch
from preprocessing.tables.statistics import (
    SAMPLE_ROWS,
    WORDS_PER_SHARD,
    Floats,
    Hashes,
    Moments,
    RowSample,
    TableStatistics,
    WordCounts,
)

_COUNTED_WORDS = 50_000
_COUNTED_CHARACTERS = 256
_LEAST_SAMPLE_ROWS = 500


class Gatherer:
    """Takes raw columns, gives the statistics of a shard."""

    def __init__(self, columns: Sequence[Column], *, num_shards: int) -> None:
        """Gather for these columns; keys are passed over, they tell rows apart and say nothing of them."""
        told = [(index, column) for index, column in enumerate(columns) if column.feature.role != "key"]
        self._numbers = [_Numbers(index, column) for index, column in told if column.feature.is_number]
        self._words = [
            _Words(index, column)
            for index, column in told
            if not column.feature.is_number and column.feature.role != "label"
        ]
        # A shard's share of the sample, with room to spare: many shards together stay small.
        self._rows = min(SAMPLE_ROWS, max(_LEAST_SAMPLE_ROWS, 4 * SAMPLE_ROWS // num_shards))
        self._sample = RowSample(
            hashes=np.empty(0, np.uint64), values=np.empty((0, len(self._numbers)), np.float64)
        )

    def add(self, batch: Batch, mask: Sequence[bool], hashes: Hashes) -> None:
        """Take the rows of the training side.

        Args:
            batch: n rows.
            mask: which rows are on the training side, length n.
            hashes: of all rows, shape (n,).
        """
        chosen = np.fromiter(mask, bool, len(mask))
        for words in self._words:
            words.add(compress(batch.texts[words.index], mask))
        if not self._numbers:
            return
        values = np.stack([numbers.add(batch, chosen) for numbers in self._numbers], axis=1)
        hashes = hashes[chosen]
        if self._sample.hashes.size == self._rows:
            low = hashes < self._sample.hashes[-1]
            hashes, values = hashes[low], values[low]
        if hashes.size:
            self._sample = self._sample.merged(RowSample(hashes=hashes, values=values), self._rows)

    def statistics(self) -> TableStatistics:
        """What was gathered."""
        return TableStatistics(
            numbers={numbers.name: numbers.moments for numbers in self._numbers},
            words={words.name: words.counts() for words in self._words},
            sample=self._sample,
        )


class _Numbers:
    """The moments of a numeric column."""

    def __init__(self, index: int, column: Column) -> None:
        self.index = index
        self.name = column.feature.name
        self.moments = Moments()
        self._column = column

    def add(self, batch: Batch, chosen: npt.NDArray[np.bool_]) -> Floats:
        """Count the chosen ones of n rows, and return their values, shape (chosen,)."""
        numbers = batch.numbers[self.index]
        assert numbers is not None  # noqa: S101 - RowEncoder gives them for every number
        values = numbers[chosen]
        missing_texts, missing = self._column.missing_texts, 0
        if missing_texts:
            missing = sum(map(missing_texts.__contains__, compress(batch.texts[self.index], chosen)))
        self.moments = self.moments.merged(Moments.of(values, missing=missing))
        return values


class _Words:
    """The words of a column, counted by raw text: what they mean is found out once, at the end."""

    def __init__(self, index: int, column: Column) -> None:
        self.index = index
        self.name = column.feature.name
        self._column = column
        self._raw: Counter[str] = Counter()
        self._counts = WordCounts(counts={})

    def add(self, texts: Iterable[str]) -> None:
        self._raw.update(texts)
        if len(self._raw) > _COUNTED_WORDS:
            self._fold()

    def counts(self) -> WordCounts:
        self._fold()
        return self._counts.commonest(WORDS_PER_SHARD)

    def _fold(self) -> None:
        """Turn raw texts into words and forget the rarest, when there are many."""
        words: Counter[str] = Counter()
        missing = other = 0
        for raw, count in self._raw.items():
            missing += count if self._column.is_missing(raw) else 0
            word = self._column.word(raw)
            if len(word) > _COUNTED_CHARACTERS:
                other += count
            else:
                words[word] += count
        self._raw.clear()
        folded = self._counts.merged(WordCounts(counts=words, missing=missing, other=other))
        self._counts = folded.commonest(_COUNTED_WORDS)


def row_hashes(seed: int, lines: Sequence[int]) -> Hashes:
    """A hash of each row by its file and line, 64 bits: the same wherever shards begin.

    Args:
        seed: stands for the file, 64 bits.
        lines: of the rows.

    Source: https://prng.di.unimi.it/splitmix64.c
    """
    z = np.asarray(lines, np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
