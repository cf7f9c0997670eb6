from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import tensorflow as tf

from trainer.tables.timestamp import TimestampColumn

COLUMN = TimestampColumn(name="started")


def test_encode_of_many_days_agrees_with_the_calendar():
    first = datetime(1999, 12, 25, 23, 59, tzinfo=UTC)
    moments = [first + timedelta(days=97 * count, hours=count) for count in range(200)]
    texts = tf.constant([moment.isoformat(sep=" ") for moment in moments])
    _, (hour, weekday, month, hour_of_week) = COLUMN.encode(texts)
    assert hour.numpy().tolist() == [moment.hour + 1 for moment in moments]
    assert weekday.numpy().tolist() == [moment.isoweekday() for moment in moments]
    assert month.numpy().tolist() == [moment.month for moment in moments]
    assert hour_of_week.numpy().tolist() == [moment.weekday() * 24 + moment.hour + 1 for moment in moments]


def test_encode_reads_a_t_and_what_follows_the_minutes():
    texts = tf.constant(["2018-01-31 23:59", " 2018-01-31T23:59:58.123+00:00", "2018-01-31 23:59:00 UTC"])
    numbers, indices = COLUMN.encode(texts)
    np.testing.assert_array_equal(numbers, np.repeat(numbers[:1], 3, axis=0))
    assert all(len(set(index.numpy().tolist())) == 1 for index in indices)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2018-13-01 00:00:00", "2018-01-01 24:00:00", "2018-01-00 10:00", "1/2/2018"]
)
def test_encode_of_no_timestamp_is_zero(text):
    numbers, indices = COLUMN.encode(tf.constant([text]))
    assert not np.any(numbers)
    assert [index.numpy().tolist() for index in indices] == [[0]] * 4


def test_indices_are_below_their_sizes():
    texts = tf.constant([f"2019-12-{day:02d} 23:00:00" for day in range(1, 32)])
    _, indices = COLUMN.encode(texts)
    assert [int(tf.reduce_max(index)) + 1 for index in indices] == list(COLUMN.sizes)
