from __future__ import annotations

import json

import pytest

from contract import ContractError, CsvFormat
from contract.validation import from_json, to_json


def test_from_json_reads_what_to_json_wrote() -> None:
    csv = CsvFormat(columns=("a", "b"), delimiter=";", missing=("", "-"))
    assert from_json(CsvFormat, json.dumps(to_json(csv)), "csv") == csv


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"columns": ("a", "a")}, "csv.columns"),
        ({"delimiter": ""}, "csv.delimiter"),
        ({"delimiter": ";;"}, "csv.delimiter"),
        ({"delimiter": '"'}, "csv.delimiter"),
        ({"delimiter": "\n"}, "csv.delimiter"),
    ],
)
def test_csv_format_with_a_wrong_value_names_the_field(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(ContractError) as caught:
        CsvFormat(**arguments)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_from_json_with_a_field_too_many_names_it() -> None:
    with pytest.raises(ContractError, match=r"csv\.quote: expected no such field"):
        from_json(CsvFormat, json.dumps(to_json(CsvFormat()) | {"quote": "'"}), "csv")
