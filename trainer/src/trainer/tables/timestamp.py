"""A date and a time, written as text, as numbers that come round again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

_PATTERN = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[ T]([01]\d|2[0-3]):[0-5]\d.*"
_STAND_IN = "2000-01-01 00:00"
_HOURS, _WEEKDAYS, _MONTHS = 24, 7, 12
_PERIODS = (24.0, 12.0, 8.0, 6.0)


@dataclass(frozen=True, kw_only=True)
class TimestampColumn:
    """A feature that holds the local time in ISO 8601, `2018-01-31 23:59:00` or with a `T`.

    Attributes:
        name: of the feature.
    """

    name: str

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many indices there are for hour, weekday, month and hour of the week; 0 is unknown."""
        return (_HOURS + 1, _WEEKDAYS + 1, _MONTHS + 1, _HOURS * _WEEKDAYS + 1)

    def encode(self, texts: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """What a network takes of the time.

        Args:
            texts: string (batch,); what is no date and time gives zeros.

        Returns:
            Numbers, float32 (batch, width): sine and cosine of the time of the day, of the week and of the
            year, weekend and night; and the indices of `sizes`, int32 (batch,) each.
        """
        texts = tf.strings.strip(texts)
        known = tf.strings.regex_full_match(texts, _PATTERN)
        texts = tf.where(known, texts, _STAND_IN)
        year, month, day, hour, minute = (
            tf.strings.to_number(tf.strings.substr(texts, start, length), tf.int32)
            for start, length in ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2))
        )
        weekday = _weekday(year, month, day)
        hours = tf.cast(hour, tf.float32) + tf.cast(minute, tf.float32) / 60.0
        week = (tf.cast(weekday, tf.float32) * _HOURS + hours) / (_HOURS * _WEEKDAYS)
        months = (tf.cast(month, tf.float32) - 1.0 + tf.cast(day - 1, tf.float32) / 31.0) / _MONTHS
        turns = [hours / period for period in _PERIODS] + [week, months]
        flags = [weekday >= 5, (hour < 6) | (hour >= 20)]
        numbers = tf.stack(
            [wave(2.0 * math.pi * turn) for turn in turns for wave in (tf.sin, tf.cos)]
            + [tf.cast(flag, tf.float32) for flag in flags],
            axis=1,
        )
        indices = (hour + 1, weekday + 1, month, weekday * _HOURS + hour + 1)
        return (
            tf.where(known[:, None], numbers, 0.0),
            [tf.where(known, index, 0) for index in indices],
        )


def _weekday(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """0 for Monday to 6 for Sunday, in the Gregorian calendar (Sakamoto's method)."""
    shifts = tf.constant([0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4])
    year -= tf.cast(month < 3, tf.int32)
    from_sunday = year + year // 4 - year // 100 + year // 400 + tf.gather(shifts, month - 1) + day
    return (from_sunday + 6) % 7
