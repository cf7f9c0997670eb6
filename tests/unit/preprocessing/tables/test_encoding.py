from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import FeatureSpec, category, class_label, number, timestamp
from preprocessing.errors import InvalidRecordError
from preprocessing.example_serialization import bytes_entry, float_entry, int64_entry
from preprocessing.tables.encoding import Column, ColumnBatch

MISSING = ("", "?", "nan")


def _column(feature: FeatureSpec) -> Column:
    return Column(feature, missing=MISSING if feature.missing is None else feature.missing)


def _look_up(column: Column, texts: list[str]) -> ColumnBatch:
    return column.look_up(pa.array(texts, pa.string()))


def test_look_up_strips_and_encodes_each_text_once() -> None:
    column = _column(replace(number("age"), dtype="int64"))
    found = _look_up(column, ["39", " 39 ", "39"])
    assert found.entries.to_pylist() == [int64_entry("age", 39)] * 3
    assert found.numbers is not None
    assert found.numbers.tolist() == [39, 39, 39]
    assert set(column) == {"39", " 39 "}


def test_look_up_of_plain_numbers_converts_them_together() -> None:
    column = _column(number("x", minimum=-1e9))
    texts = [str(value / 7) for value in range(1000)]
    found = _look_up(column, texts)
    assert found.entries.to_pylist() == [float_entry("x", float(text)) for text in texts]
    assert found.numbers is not None
    assert np.array_equal(found.numbers, np.array([float(text) for text in texts]))
    assert found.distinct is None
    assert not column


ODD = ["", "1_0", "\N{ARABIC-INDIC DIGIT FIVE}", "word", "inf", "1e39", "-2e9", "16777217"]


@pytest.mark.parametrize("odd", ODD)
def test_look_up_together_of_a_text_that_is_no_plain_number_rejects_only_it(odd: str) -> None:
    found = _look_up(_column(number("x", minimum=-1e9)), [*(str(value / 7) for value in range(1000)), odd])
    assert found.distinct is not None
    assert found.entries.is_valid().to_pylist() == [True] * 1000 + [False]


@given(
    st.lists(st.sampled_from([*ODD, "1.5", " 2", "+3", "4.", ".5e1", "0x1", "1d", "nan", "-0"]), max_size=4)
)
def test_look_up_together_is_look_up_one_by_one(texts: list[str]) -> None:
    found = _look_up(_column(number("x")), texts)
    assert found.numbers is not None
    for text, entry, value in zip(texts, found.entries.to_pylist(), found.numbers, strict=True):
        try:
            assert entry == _column(number("x")).encode(text)
            assert value == float(text)
        except InvalidRecordError:
            assert entry is None


@given(st.lists(st.text(st.sampled_from(" ab\x1f\u00e9e\u0301?\t"), max_size=4), min_size=1, max_size=20))
def test_look_up_of_texts_that_do_not_repeat_is_look_up_one_by_one(texts: list[str]) -> None:
    column = _column(category("w", default="none"))
    _look_up(column, [f"distinct {number}" for number in range(100)])
    found = _look_up(column, texts)
    assert found.entries.to_pylist() == [column.encode(text) for text in texts]
    counts = found.count_texts(np.ones(len(texts), bool))
    assert counts == Counter(texts)


def test_look_up_of_many_texts_forgets() -> None:
    column = _column(category("word", vocabulary=[str(number) for number in range(60_000)]))
    for batch in range(30):
        _look_up(column, [str(2000 * batch + number) for number in range(2000)])
    assert len(column) < 25_000


@pytest.mark.parametrize(
    ("feature", "text", "entry"),
    [
        (number("n", default=1.5), "?", float_entry("n", 1.5)),
        (category("w", default="none"), " ", bytes_entry("w", b"none")),
        (category("w"), " \u00e9 ", bytes_entry("w", "\u00e9".encode())),
        (class_label("c", ("a", "b")), " b", int64_entry("c", 1)),
        (
            FeatureSpec(name="i", dtype="int64", role="metadata"),
            "9007199254740993",
            int64_entry("i", 9007199254740993),
        ),
        (number("n", default=7, missing=("-999",)), "-999.0", float_entry("n", 7)),
        (number("n"), "16777218", float_entry("n", 16777218)),
        (category("w"), "\u00a0cafe\u0301\u2003", bytes_entry("w", "caf\u00e9".encode())),
        (category("w", missing=("",)), "NA", bytes_entry("w", b"NA")),
        (timestamp("t"), "2018-01-31T23:59:00+05:00", bytes_entry("t", b"2018-01-31 18:59:00")),
        (timestamp("t", default="2018-01-31"), "?", bytes_entry("t", b"2018-01-31 00:00:00")),
        (FeatureSpec(name="i", dtype="int64"), "3.0", int64_entry("i", 3)),
        (
            FeatureSpec(name="i", dtype="int64", vocabulary=("a",), first_index=5, default=5),
            "?",
            int64_entry("i", 5),
        ),
    ],
)
def test_encode_takes_values_and_defaults(feature: FeatureSpec, text: str, entry: bytes) -> None:
    assert _column(feature).encode(text) == entry


@pytest.mark.parametrize(
    ("feature", "text", "message"),
    [
        (number("n"), "?", "missing_value: n: expected a value, received '?'"),
        (number("n"), "nan", "missing_value: n"),
        (number("n"), "abc", "not_a_number: n: expected a number, received 'abc'"),
        (number("n"), "inf", "not_a_number: n"),
        (number("n"), "1_000", "not_a_number: n"),
        (number("n"), "1e39", "out_of_range: n: expected a float32"),
        (number("n", minimum=0), "-1", "out_of_range: n: expected at least 0, received '-1'"),
        (number("n", minimum=0, maximum=9), "10", "out_of_range: n: expected at least 0 and at most 9"),
        (FeatureSpec(name="i", dtype="int64"), "1.5", "not_a_number: i: expected a whole number"),
        (FeatureSpec(name="i", dtype="int64"), str(2**63), "out_of_range: i: expected an int64"),
        (class_label("c", ("a",)), "z", "unknown_label: c: expected a value of the vocabulary, received 'z'"),
        (FeatureSpec(name="w", dtype="string", vocabulary=("a",)), "z", "unknown_word: w"),
    ],
)
def test_encode_of_a_wrong_text_names_column_expected_and_received(
    feature: FeatureSpec, text: str, message: str
) -> None:
    with pytest.raises(InvalidRecordError) as caught:
        _column(feature).encode(text)
    assert str(caught.value).startswith(message)


def test_encode_of_a_long_text_quotes_its_beginning() -> None:
    with pytest.raises(InvalidRecordError) as caught:
        _column(number("n")).encode("x" * 100_000)
    assert len(str(caught.value)) < 140
