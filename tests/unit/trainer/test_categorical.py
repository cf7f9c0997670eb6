"""Encoders of text features."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import tensorflow as tf

from contract import CategoricalStatistics, category
from contract.values import TIMESTAMP_FORMAT
from trainer.categorical import CategoricalColumn, TimestampColumn


def column(counts: dict[str, int], default: str | None = "?") -> CategoricalColumn:
    statistics = CategoricalStatistics(count=sum(counts.values()), missing=0, counts=counts, other=0)
    return CategoricalColumn.of(category("x", default=default), statistics, missing=("", "?", "NA"))


def indices(encoder: CategoricalColumn, *texts: str) -> list[int]:
    return encoder.index(encoder.clean(tf.constant(texts))).numpy().tolist()


def test_index_of_known_categories_is_their_rank_from_one():
    known = column({f"word {rank}": 1000 - rank for rank in range(500)})
    assert indices(known, *(f"word {rank}" for rank in range(500))) == list(range(1, 501))


def test_index_of_unknown_categories_is_zero():
    known = column({"a": 5, "b": 4})
    assert indices(known, "c", "", "A", "b\0", "é") == [0] * 5


def test_index_of_a_category_that_was_seen_once_is_zero():
    assert indices(column({"a": 5, "b": 1}), "a", "b") == [1, 0]


def test_clean_strips_spaces():
    assert indices(column({"a": 5, "b b": 4}), " a", "a ", "\tb b ") == [1, 1, 2]


def test_clean_takes_the_default_for_a_missing_value():
    assert indices(column({"a": 5, "?": 4}), "", " NA", "?") == [2, 2, 2]


def test_index_without_any_known_category_is_zero():
    assert indices(column({}), "a") == [0]


COLUMN = TimestampColumn(name="started")


def test_encode_of_many_days_agrees_with_the_calendar():
    first = datetime(1999, 12, 25, 23, 59, tzinfo=UTC)
    moments = [first + timedelta(days=97 * count, hours=count) for count in range(200)]
    texts = tf.constant([moment.strftime(TIMESTAMP_FORMAT) for moment in moments])
    _, (hour, weekday, month, hour_of_week) = COLUMN.encode(texts)
    assert hour.numpy().tolist() == [moment.hour + 1 for moment in moments]
    assert weekday.numpy().tolist() == [moment.isoweekday() for moment in moments]
    assert month.numpy().tolist() == [moment.month for moment in moments]
    assert hour_of_week.numpy().tolist() == [moment.weekday() * 24 + moment.hour + 1 for moment in moments]


def test_encode_reads_a_t_and_what_follows_the_minutes():
    texts = tf.constant(["2018-01-31 23:59", " 2018-01-31T23:59:58.123", "2018-01-31 23:59:00"])
    numbers, indices = COLUMN.encode(texts)
    np.testing.assert_array_equal(numbers, np.repeat(numbers[:1], 3, axis=0))
    assert all(len(set(index.numpy().tolist())) == 1 for index in indices)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2018-13-01 00:00:00", "2018-01-01 24:00:00", "2018-01-00 10:00", "1/2/2018"]
)
def test_encode_of_no_timestamp_names_the_feature_and_what_it_received(text):
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"started: expected a date(.|\n)*{text}"):
        COLUMN.encode(tf.constant(["2018-01-31 23:59:00", text]))


def test_indices_are_below_their_sizes():
    texts = tf.constant([f"2019-12-{day:02d} 23:00:00" for day in range(1, 32)])
    _, indices = COLUMN.encode(texts)
    assert [int(tf.reduce_max(index)) + 1 for index in indices] == list(COLUMN.sizes)
