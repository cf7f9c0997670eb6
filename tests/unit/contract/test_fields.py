from __future__ import annotations

import pytest

from contract import ContractError
from contract.fields import FieldReader


def test_take_returns_values_of_the_types_asked_for() -> None:
    reader = FieldReader({"a": 1, "b": None, "c": ["x"]}, "thing")
    assert (reader.take("a", int), reader.take("b", str, type(None)), reader.take_list("c", str)) == (
        1,
        None,
        ["x"],
    )
    reader.finish()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "thing.a: expected int or null, received 'nothing'"),
        ({"a": "1"}, "thing.a: expected int or null, received '1'"),
        ({"a": True}, "thing.a: expected int or null, received True"),
    ],
)
def test_take_of_another_type_names_the_types(value: object, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        FieldReader(value, "thing").take("a", int, type(None))
    assert str(caught.value) == message


def test_take_list_names_the_item() -> None:
    with pytest.raises(ContractError, match=r"thing\.a\[1\]: expected str, received 2"):
        FieldReader({"a": ["x", 2]}, "thing").take_list("a", str)


def test_take_list_of_several_types_takes_each_of_them_but_no_bool() -> None:
    assert FieldReader({"a": [1, 2.5]}, "thing").take_list("a", float, int) == [1, 2.5]
    with pytest.raises(ContractError, match=r"thing\.a\[0\]: expected float or int, received True"):
        FieldReader({"a": [True]}, "thing").take_list("a", float, int)


def test_reader_of_no_object_raises() -> None:
    with pytest.raises(ContractError, match="thing: expected a JSON object, received 3"):
        FieldReader(3, "thing")


def test_of_text_reads_the_object() -> None:
    assert FieldReader.of_text('{"a": 1}', "thing").take("a", int) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": ', "thing: expected JSON, received '{\"a\": '"),
        ("[1]", "thing: expected a JSON object, received [1]"),
    ],
)
def test_of_text_of_another_text_says_what_it_is(text: str, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        FieldReader.of_text(text, "thing")
    assert str(caught.value) == message


def test_take_of_a_field_with_a_default_may_find_nothing() -> None:
    reader = FieldReader({"a": 1}, "thing", defaults={"a": 2, "b": 3})
    assert (reader.take("a", int), reader.take("b", int)) == (1, 3)


def test_finish_names_what_is_left() -> None:
    with pytest.raises(ContractError, match=r"thing: expected no further fields, received \['a', 'b'\]"):
        FieldReader({"b": 1, "a": 1}, "thing").finish()
