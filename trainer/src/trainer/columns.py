"""Encoding of the raw columns of a table as the tensors that its network takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import tensorflow as tf

from contract import DataContract, DatasetStatistics, FeatureSpec
from trainer.categorical import CategoricalColumn, IndexedColumn, TimestampColumn
from trainer.errors import InputError
from trainer.numeric import VALUE_BUCKETS, GeoPairColumns, NumberColumn, value_bucket
from trainer.options import TableOptions

RawBatch = Mapping[str, tf.Tensor]
"""Columns by feature name, each (batch,): string or float32."""

NUMBERS, CATEGORIES, CROSSES = "numbers", "categories", "crosses"

_Statistics = TypeVar("_Statistics")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Encoders of the inputs of a table.

    Attributes:
        numbers: numeric features.
        categories: categorical features.
        categorical_numbers: names of the numeric features whose values are categories as well.
        timestamps: dates and times.
        geo_pair: two points on Earth among the numbers, or `None`.
        crosses: groups of numeric and categorical features whose combinations have weights.
        cross_buckets: most weights of a group.
    """

    numbers: tuple[NumberColumn, ...]
    categories: tuple[CategoricalColumn | IndexedColumn, ...]
    categorical_numbers: tuple[str, ...]
    timestamps: tuple[TimestampColumn, ...]
    geo_pair: GeoPairColumns | None
    crosses: tuple[tuple[str, ...], ...]
    cross_buckets: int

    @classmethod
    def of(cls, contract: DataContract, statistics: DatasetStatistics, options: TableOptions) -> Columns:
        """Return the encoders of all inputs.

        Args:
            contract: of the dataset.
            statistics: of its training split.
            options: names of the features with special encodings.

        Raises:
            InputError: an option names no input of the right kind, an input has no statistics, or there is
                none.
        """
        inputs = [feature for feature in contract.features if feature.role == "input"]
        times = tuple(feature.name for feature in inputs if feature.timezone is not None)
        geo_pair = options.geo_pair_names
        number_names = {feature.name for feature in inputs if feature.is_number}
        text_names = {feature.name for feature in inputs if not feature.is_number}
        if not inputs:
            raise InputError("inputs", expected="at least one feature", received="none")
        _check_names("--categorical-numbers", options.categorical_number_names, number_names)
        _check_names("--geo-pairs", geo_pair, number_names)
        for group in options.cross_groups:
            _check_names("--crosses", group, (number_names | text_names) - set(times))
        return cls(
            numbers=tuple(
                NumberColumn.of(feature, _found(statistics.numbers, feature), num_bins=options.num_bins)
                for feature in inputs
                if feature.name in number_names
            ),
            categories=tuple(
                CategoricalColumn.of(
                    feature,
                    _found(statistics.categories, feature),
                    missing=contract.missing_of(feature),
                )
                if feature.dtype == "string"
                else IndexedColumn.of(feature)
                for feature in inputs
                if feature.name in text_names and feature.name not in times
            ),
            categorical_numbers=options.categorical_number_names,
            timestamps=tuple(TimestampColumn(name=name) for name in times),
            geo_pair=GeoPairColumns.of(geo_pair, statistics.numbers, num_bins=options.num_bins)
            if geo_pair
            else None,
            crosses=options.cross_groups,
            cross_buckets=options.cross_buckets,
        )

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """Number of indices of each categorical column."""
        times = (size for timestamp in self.timestamps for size in timestamp.sizes)
        numbers = [VALUE_BUCKETS] * len(self.categorical_numbers)
        return (*(column.size for column in self.categories), *numbers, *times)

    @property
    def cross_sizes(self) -> tuple[int, ...]:
        """Number of indices of each feature cross."""
        return tuple(min(self._combinations(group), self.cross_buckets) for group in self.crosses)

    def transform(self, batch: RawBatch) -> dict[str, tf.Tensor]:
        """Encode a batch.

        Args:
            batch: every input by its name, (batch,): string or a number; others are ignored.

        Returns:
            `numbers`, float32 (batch, width), and where there are any `categories`, int32 (batch, columns),
            and `crosses`, int32 (batch, groups); indices of one column begin where those of the last end.
        """
        numbers = {column.name: column.clean(batch[column.name]) for column in self.numbers}
        categories = {
            column.name: column.index(column.clean(batch[column.name])) for column in self.categories
        }
        times = [timestamp.encode(batch[timestamp.name]) for timestamp in self.timestamps]
        dense = [column.encode(numbers[column.name]) for column in self.numbers]
        dense += [encoded for encoded, _ in times]
        if self.geo_pair is not None:
            dense.append(self.geo_pair.encode(numbers))
        buckets = [value_bucket(numbers[name]) for name in self.categorical_numbers]
        indices = [*categories.values(), *buckets, *(index for _, found in times for index in found)]
        keys = {
            column.name: (column.cross_bin(numbers[column.name]), column.num_cross_bins)
            for column in self.numbers
        }
        keys |= {column.name: (categories[column.name], column.size) for column in self.categories}
        crosses = [self._cross([keys[name] for name in group]) for group in self.crosses]
        encoded = {NUMBERS: tf.concat(dense, axis=1)} if dense else {}
        if indices:
            encoded[CATEGORIES] = _offset(indices, self.category_sizes)
        if crosses:
            encoded[CROSSES] = _offset(crosses, self.cross_sizes)
        return encoded

    def _combinations(self, group: tuple[str, ...]) -> int:
        sizes = {column.name: column.num_cross_bins for column in self.numbers}
        sizes |= {column.name: column.size for column in self.categories}
        product = 1
        for name in group:
            product *= sizes[name]
        return product

    def _cross(self, keys: list[tuple[tf.Tensor, int]]) -> tf.Tensor:
        """Return the index of a combination, int32 (batch,); hashed if there are more than buckets."""
        combined, combinations = tf.zeros_like(keys[0][0], tf.int64), 1
        for index, size in keys:
            combined = combined * size + tf.cast(index, tf.int64)
            combinations *= size
        if combinations > self.cross_buckets:
            combined = tf.strings.to_hash_bucket_fast(tf.strings.as_string(combined), self.cross_buckets)
        return tf.cast(combined, tf.int32)


def _offset(indices: list[tf.Tensor], sizes: tuple[int, ...]) -> tf.Tensor:
    """Stack indices of several columns so that those of one begin where those of the last one end."""
    offsets = [sum(sizes[:place]) for place in range(len(sizes))]
    return tf.stack(indices, axis=1) + tf.constant(offsets, tf.int32)


def _check_names(flag: str, names: tuple[str, ...], allowed: set[str]) -> None:
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise InputError(flag, expected=f"names among {sorted(allowed)}", received=unknown)


def _found(statistics: Mapping[str, _Statistics], feature: FeatureSpec) -> _Statistics:
    if feature.name not in statistics:
        raise InputError(
            DatasetStatistics.FILENAME, expected=f"the feature {feature.name}", received=list(statistics)
        )
    return statistics[feature.name]
