from __future__ import annotations

import struct
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.values import is_rounded, is_rounded_text, name_groups, normal_text, normal_timestamp


@given(st.text())
def test_normal_text_of_any_spelling_is_one(text: str) -> None:
    found = normal_text(text)
    assert found == normal_text(found)
    assert found == found.strip()
    for form in ("NFC", "NFD"):
        assert normal_text(f"\u00a0 {unicodedata.normalize(form, text)}\u2003\t") == normal_text(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("2018-01-31 23:59:00", "2018-01-31 23:59:00"),
        ("2018-01-31T23:59", "2018-01-31 23:59:00"),
        ("2018-01-31", "2018-01-31 00:00:00"),
        ("20180131", "2018-01-31 00:00:00"),
        ("2018-01-31T23:59:59.999", "2018-01-31 23:59:59"),
        ("2018-01-31 23:59:00 UTC", "2018-01-31 18:59:00"),
        ("2018-01-31T23:59:00Z", "2018-01-31 18:59:00"),
        ("2018-07-31T23:59:00Z", "2018-07-31 19:59:00"),
        ("2018-01-31T23:59:00+05:00", "2018-01-31 13:59:00"),
    ],
)
def test_normal_timestamp_is_in_the_features_time_zone(text: str, normal: str) -> None:
    assert normal_timestamp(text, timezone="America/New_York") == normal


def test_normal_timestamp_of_a_format_of_its_own() -> None:
    found = normal_timestamp("01/31/2018 11:59:00 PM", timezone="UTC", date_format="%m/%d/%Y %I:%M:%S %p")
    assert found == "2018-01-31 23:59:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "31/01/2018 23:59",
        "2018-02-31 10:00:00",
        "2018-1-31 9:05",
        "1517443140",
        "2018-01-31x",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+05:00",
        "\u0662018",
    ],
)
def test_normal_timestamp_of_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of which the caller makes its own
        normal_timestamp(text, timezone="UTC")


@given(st.one_of(st.integers(), st.integers(min_value=-(2**53), max_value=2**53)))
def test_is_rounded_is_true_of_the_whole_numbers_that_float32_lacks(value: int) -> None:
    try:
        (stored,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        stored = None
    assert is_rounded(value) == (stored is None or int(stored) != value)
    assert is_rounded_text(str(value)) == is_rounded(value)
    assert is_rounded_text(f"{value}.0") == is_rounded(value)


def test_is_rounded_text_reads_exponents() -> None:
    assert is_rounded_text("1.6777217e7")
    assert not is_rounded_text("1.6777216e7")


@pytest.mark.parametrize("text", ["0.1", "1e30", "3.4028235e38", "1234567890.5", "abc", "-", "", "1e400"])
def test_is_rounded_text_is_of_digits_alone(text: str) -> None:
    assert not is_rounded_text(text)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("", ()),
        (" ", ()),
        ("a", (("a",),)),
        ("a, b b ,c", (("a",), ("b b",), ("c",))),
        ("a+b,c + d+e", (("a", "b"), ("c", "d", "e"))),
        ('"a,b"+"c+d","say ""x"""', (("a,b", "c+d"), ('say "x"',))),
    ],
)
def test_name_groups_are_as_written(text: str, groups: tuple[tuple[str, ...], ...]) -> None:
    assert name_groups(text) == groups


@pytest.mark.parametrize("text", [",", "a,", "a,,b", "+a", 'a"b', '"a', '""', '"a"b'])
def test_name_groups_of_no_list_of_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the flag's schema names it
        name_groups(text)
