"""Encoders of text features: categories as indices of embeddings, and timestamps."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from contract import CategoricalStatistics, FeatureSpec
from contract.values import normal_text

_HASHES = 2**63 - 1
_MIN_COUNT = 2
_PATTERN = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d*)?)?"
_HOURS, _WEEKDAYS, _MONTHS = 24, 7, 12
_PERIODS = (24.0, 12.0, 8.0, 6.0)


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn:
    """Encoder of a categorical feature: an index from 1 for each known category, 0 for every other value.

    Attributes:
        name: of the feature.
        default: stands for a missing value.
        missing: spellings of a missing value, in normal form.
        categories: known values in the order of their indices.
    """

    name: str
    default: str
    missing: tuple[str, ...]
    categories: tuple[str, ...]

    @classmethod
    def of(
        cls, feature: FeatureSpec, statistics: CategoricalStatistics, *, missing: tuple[str, ...]
    ) -> CategoricalColumn:
        """Return the encoder of a feature.

        Args:
            feature: a categorical feature.
            statistics: of its training values. A value that occurs only once counts as unknown, so that the
                index 0 is trained, too.
            missing: spellings of a missing value.
        """
        frequent = (value for value, count in statistics.counts.items() if count >= _MIN_COUNT)
        default = "" if feature.default is None else str(feature.default)
        return cls(
            name=feature.name,
            default=default,
            missing=tuple(map(normal_text, missing)),
            categories=feature.vocabulary or tuple(frequent),
        )

    @property
    def size(self) -> int:
        """Number of indices."""
        return len(self.categories) + 1

    def clean(self, values: tf.Tensor) -> tf.Tensor:
        """Strip spaces, and put the default for missing values; string (batch,)."""
        values = tf.strings.strip(values)
        if not self.missing:
            return values
        is_missing = tf.reduce_any(values[:, None] == tf.constant(self.missing), axis=1)
        return tf.where(is_missing, self.default, values)

    def index(self, values: tf.Tensor) -> tf.Tensor:
        """Return the indices of clean values, int32 (batch,).

        Values are found by their 63-bit hashes in a sorted constant: a lookup table would be a resource,
        which an export has to carry and to initialize.
        """
        if not self.categories:
            return tf.zeros_like(values, tf.int32)
        with tf.init_scope():
            known = tf.strings.to_hash_bucket_fast(tf.constant(self.categories), _HASHES).numpy()
        order = np.argsort(known)
        hashes = tf.strings.to_hash_bucket_fast(values, _HASHES)
        places = tf.minimum(tf.searchsorted(known[order], hashes), len(order) - 1)
        found = tf.gather(known[order], places) == hashes
        return tf.where(found, tf.gather((order + 1).astype(np.int32), places), 0)


@dataclass(frozen=True, kw_only=True)
class IndexedColumn:
    """Encoder of a feature whose records hold the index of a value in its vocabulary.

    Attributes:
        name: of the feature.
        first_index: the integer that stands for the first value.
        values: number of values.
    """

    name: str
    first_index: int
    values: int

    @classmethod
    def of(cls, feature: FeatureSpec) -> IndexedColumn:
        """Return the encoder of a feature with a vocabulary."""
        return cls(name=feature.name, first_index=feature.first_index, values=len(feature.vocabulary))

    @property
    def size(self) -> int:
        """Number of indices."""
        return self.values + 1

    def clean(self, values: tf.Tensor) -> tf.Tensor:
        """Return integers as int32 (batch,)."""
        return tf.cast(values, tf.int32)

    def index(self, values: tf.Tensor) -> tf.Tensor:
        """Return the indices of clean values from 1, 0 for any that stands for none, int32 (batch,)."""
        indices = values - self.first_index + 1
        return tf.where((indices > 0) & (indices <= self.values), indices, 0)


@dataclass(frozen=True, kw_only=True)
class TimestampColumn:
    """Encoder of a timestamp in its normal form, `2018-01-31 23:59:00` in the feature's time zone.

    Attributes:
        name: of the feature.
    """

    name: str

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of indices of hour, weekday, month and hour of the week, which begin at 1."""
        return (_HOURS + 1, _WEEKDAYS + 1, _MONTHS + 1, _HOURS * _WEEKDAYS + 1)

    def encode(self, texts: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Encode a batch of timestamps.

        Args:
            texts: string (batch,); any that is no date and time ends the call.

        Returns:
            Numbers, float32 (batch, width): sine and cosine of the time of the day, of the week and of the
            year, weekend and night; and the indices of `sizes`, int32 (batch,) each.
        """
        texts = tf.strings.strip(texts)
        known = tf.strings.regex_full_match(texts, _PATTERN)
        tf.debugging.Assert(
            tf.reduce_all(known),
            [f"{self.name}: expected a date and a time, received", tf.boolean_mask(texts, ~known)],
        )
        year, month, day, hour, minute = (
            tf.strings.to_number(tf.strings.substr(texts, start, length), tf.int32)
            for start, length in ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2))
        )
        weekday = _weekday(year, month, day)
        hours = tf.cast(hour, tf.float32) + tf.cast(minute, tf.float32) / 60.0
        week = (tf.cast(weekday, tf.float32) * _HOURS + hours) / (_HOURS * _WEEKDAYS)
        months = (tf.cast(month, tf.float32) - 1.0 + tf.cast(day - 1, tf.float32) / 31.0) / _MONTHS
        phases = [hours / period for period in _PERIODS] + [week, months]
        flags = [weekday >= 5, (hour < 6) | (hour >= 20)]
        numbers = tf.stack(
            [wave(2.0 * math.pi * phase) for phase in phases for wave in (tf.sin, tf.cos)]
            + [tf.cast(flag, tf.float32) for flag in flags],
            axis=1,
        )
        indices = (hour + 1, weekday + 1, month, weekday * _HOURS + hour + 1)
        return numbers, list(indices)


def _weekday(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Return 0 for Monday to 6 for Sunday, in the Gregorian calendar (Sakamoto's method)."""
    shifts = tf.constant([0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4])
    year -= tf.cast(month < 3, tf.int32)
    from_sunday = year + year // 4 - year // 100 + year // 400 + tf.gather(shifts, month - 1) + day
    return (from_sunday + 6) % 7
