from __future__ import annotations

import pytest

from contract import ContractError, CsvFormat


def test_from_json_reads_what_to_json_wrote() -> None:
    csv = CsvFormat(columns=("a", "b"), delimiter=";", missing=("", "-"))
    assert CsvFormat.from_json(csv.to_json()) == csv


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


def test_from_json_with_a_field_too_many_raises() -> None:
    with pytest.raises(ContractError, match=r"csv: expected no further fields, received \['quote'\]"):
        CsvFormat.from_json(CsvFormat().to_json() | {"quote": "'"})
