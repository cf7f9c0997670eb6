from __future__ import annotations

import json

import pytest

from serving.errors import InstanceError
from serving.requests import PredictRequest, parse


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        (b"{", "body", "a JSON object"),
        (b"[]", "body", "a JSON object"),
        (b'{"instances": [Infinity]}', "body", "a JSON object"),
        (b"[" * 100_000, "body", "a JSON object"),
        (b"\xff", "body", "a JSON object"),
        (b"{}", "instances", "a list"),
        (b'{"instances": {}}', "instances", "a list"),
        (b'{"instances": []}', "instances", "at least one instance"),
        (b'{"instances": [1], "instance": 2}', "body", "only instances, inputs, signature_name, parameters"),
        (b'{"instances": [[[[[[[[1]]]]]]]]}', "body", "at most 8 levels of nesting"),
        (b'{"instances": [1], "inputs": [1]}', "body", "either instances or inputs"),
        (b'{"inputs": {"a": [1], "b": [1, 2]}}', "inputs.b", "as many values as the first input has, 1"),
        (b'{"inputs": {"a": 1}}', "inputs.a", "a list with a value per row"),
        (b'{"inputs": {"a": []}}', "inputs.a", "a list with a value per row"),
        (b'{"inputs": []}', "inputs", "lists by input, or the list of the only input"),
        (b'{"inputs": 7}', "inputs", "lists by input, or the list of the only input"),
        (b'{"instances": [1], "signature_name": 1}', "signature_name", "a string"),
        (b'{"instances": [1], "parameters": {"k": 2}}', "parameters", "nothing: the model takes none"),
    ],
)
def test_parse_with_a_bad_body_names_the_field(body: bytes, field: str, expected: str) -> None:
    with pytest.raises(InstanceError) as caught:
        parse(body, max_nesting=8)
    assert (caught.value.field, caught.value.expected) == (field, expected)


@pytest.mark.parametrize("parameters", [{}, None])
def test_parse_with_empty_parameters_gives_the_instances(parameters: object) -> None:
    assert parse(
        json.dumps({"instances": [1, 2], "parameters": parameters}).encode(), max_nesting=8
    ) == PredictRequest(instances=[1, 2])


def test_parse_of_columns_gives_rows() -> None:
    body = b'{"signature_name": "s", "inputs": {"a": [1, 2], "b": [[3], [4]]}}'
    assert parse(body, max_nesting=8) == PredictRequest(
        instances=[{"a": 1, "b": [3]}, {"a": 2, "b": [4]}], signature="s", columnar=True
    )


def test_parse_of_the_only_column_gives_its_values() -> None:
    assert parse(b'{"inputs": [1, 2]}', max_nesting=8) == PredictRequest(instances=[1, 2], columnar=True)


@pytest.mark.parametrize(
    ("field", "own"),
    [
        ("instances[2].age", "inputs.age[2]"),
        ("instances[2].pair[1].b64", "inputs.pair[2][1].b64"),
        ("instances[2]", "inputs[2]"),
        ("instances", "inputs"),
    ],
)
def test_errors_of_columns_name_the_place_in_the_request(field: str, own: str) -> None:
    error = InstanceError(field, expected="e", received="r")
    assert PredictRequest(instances=[1], columnar=True).own_terms(error).field == own
    assert PredictRequest(instances=[1]).own_terms(error) is error
