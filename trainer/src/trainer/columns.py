"""Encoding of the raw columns of a table as the tensors that its network takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import tensorflow as tf

from contract import DataContract, DatasetStatistics, FeatureSpec
from trainer.categorical import TimestampColumn, CategoricalColumn
from trainer.errors import InputError
from trainer.numeric import VALUE_BUCKETS, NumberColumn, GeoPairColumns, value_bucket
from trainer.options import TableOptions

RawBatch = Mapping[str, tf.Tensor]
"""Columns by feature name, each (batch,): string for words, float32 for numbers."""
NUMBERS, WORDS, CROSSES = "numbers", "words", "crosses"
_Statistics = TypeVar("_Statistics")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """How the inputs of a table are encoded.

    Attributes:
        numbers: the numeric features.
        words: the features that hold words.
        exact: the numeric features whose values are words as well.
        timestamps: the features that hold a date and a time.
        points: two points on Earth among the numbers, or `None`.
        crosses: groups of numbers and words whose combinations have weights.
        cross_buckets: the most weights of a group.
    """

    numbers: tuple[NumberColumn, ...]
    words: tuple[CategoricalColumn, ...]
    exact: tuple[str, ...]
    timestamps: tuple[TimestampColumn, ...]
    points: GeoPairColumns | None
    crosses: tuple[tuple[str, ...], ...]
    cross_buckets: int

    @classmethod
    def of(cls, contract: DataContract, statistics: DatasetStatistics, options: TableOptions) -> Columns:
        """The columns of all inputs.

        Args:
            contract: of the dataset.
            statistics: of its training side.
            options: which features are more than numbers and words.

        Raises:
            InputError: an option names no input of the right kind, an input has no statistics, or there is
                none.
        """
        inputs = [feature for feature in contract.features if feature.role == "input"]
        times, points = options.timestamp_names, options.geo_pair_names
        number_names = {feature.name for feature in inputs if feature.is_number}
        word_names = {feature.name for feature in inputs if feature.dtype == "string"}
        unusable = [feature.name for feature in inputs if feature.name not in number_names | word_names]
        if unusable or not inputs:
            raise InputError("inputs", expected="numbers or words", received=unusable)
        _check_names("--exact", options.categorical_number_names, number_names)
        _check_names("--timestamp", times, word_names)
        _check_names("--points", points, number_names)
        for group in options.cross_groups:
            _check_names("--crosses", group, (number_names | word_names) - set(times))
        missing = contract.csv.missing if contract.csv is not None else ("",)
        return cls(
            numbers=tuple(
                NumberColumn.of(feature, _found(statistics.numbers, feature), pieces=options.pieces)
                for feature in inputs
                if feature.name in number_names
            ),
            words=tuple(
                CategoricalColumn.of(feature, _found(statistics.words, feature), missing=missing)
                for feature in inputs
                if feature.name in word_names and feature.name not in times
            ),
            exact=options.categorical_number_names,
            timestamps=tuple(TimestampColumn(name=name) for name in times),
            points=GeoPairColumns.of(points, statistics.numbers, pieces=options.pieces) if points else None,
            crosses=options.cross_groups,
            cross_buckets=options.cross_buckets,
        )

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """How many indices each column of the words has."""
        times = (size for timestamp in self.timestamps for size in timestamp.sizes)
        exact = [VALUE_BUCKETS] * len(self.exact)
        return (*(column.size for column in self.words), *exact, *times)

    @property
    def cross_sizes(self) -> tuple[int, ...]:
        """How many indices each group of the crosses has."""
        return tuple(min(self._combinations(group), self.cross_buckets) for group in self.crosses)

    def transform(self, batch: RawBatch) -> dict[str, tf.Tensor]:
        """Encode a batch.

        Args:
            batch: every input by its name, (batch,): string or a number; others are passed over.

        Returns:
            `numbers`, float32 (batch, width), and where there are any `words`, int32 (batch, columns), and
            `crosses`, int32 (batch, groups); indices of one column begin where those of the last one end.
        """
        numbers = {column.name: column.clean(batch[column.name]) for column in self.numbers}
        words = {column.name: column.index(column.clean(batch[column.name])) for column in self.words}
        times = [timestamp.encode(batch[timestamp.name]) for timestamp in self.timestamps]
        dense = [column.encode(numbers[column.name]) for column in self.numbers]
        dense += [encoded for encoded, _ in times]
        if self.points is not None:
            dense.append(self.points.encode(numbers))
        exact = [value_bucket(numbers[name]) for name in self.exact]
        indices = [*words.values(), *exact, *(index for _, found in times for index in found)]
        keys = {
            column.name: (column.bucket_index(numbers[column.name]), column.ranges) for column in self.numbers
        }
        keys |= {column.name: (words[column.name], column.size) for column in self.words}
        crosses = [self._cross([keys[name] for name in group]) for group in self.crosses]
        encoded = {NUMBERS: tf.concat(dense, axis=1)} if dense else {}
        if indices:
            encoded[WORDS] = _joined(indices, self.category_sizes)
        if crosses:
            encoded[CROSSES] = _joined(crosses, self.cross_sizes)
        return encoded

    def _combinations(self, group: tuple[str, ...]) -> int:
        sizes = {column.name: column.ranges for column in self.numbers}
        sizes |= {column.name: column.size for column in self.words}
        product = 1
        for name in group:
            product *= sizes[name]
        return product

    def _cross(self, keys: list[tuple[tf.Tensor, int]]) -> tf.Tensor:
        """The index of a combination, int32 (batch,); hashed where there are more than buckets."""
        combined, combinations = tf.zeros_like(keys[0][0], tf.int64), 1
        for index, size in keys:
            combined = combined * size + tf.cast(index, tf.int64)
            combinations *= size
        if combinations > self.cross_buckets:
            combined = tf.strings.to_hash_bucket_fast(tf.strings.as_string(combined), self.cross_buckets)
        return tf.cast(combined, tf.int32)


def _joined(indices: list[tf.Tensor], sizes: tuple[int, ...]) -> tf.Tensor:
    offsets = [sum(sizes[:place]) for place in range(len(sizes))]
    return tf.stack(indices, axis=1) + tf.constant(offsets, tf.int32)


def _check_names(flag: str, names: tuple[str, ...], allowed: set[str]) -> None:
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise InputError(flag, expected=f"names among {sorted(allowed)}", received=unknown)


def _found(statistics: Mapping[str, _Statistics], feature: FeatureSpec) -> _Statistics:
    if feature.name not in statistics:
        raise InputError("statistics.json", expected=f"the feature {feature.name}", received=list(statistics))
    return statistics[feature.name]
