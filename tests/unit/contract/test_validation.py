from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pytest

from contract import ContractError
from contract.validation import JsonFile, JsonLine, check_complete, from_json


@dataclass(frozen=True, kw_only=True)
class Part:
    names: tuple[str, ...]
    share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Whole(JsonFile):
    FILENAME: ClassVar[str] = "whole.json"

    count: int | None
    parts: Mapping[str, Part]


@dataclass(frozen=True)
class Line(JsonLine):
    FILENAME: ClassVar[str] = "lines.jsonl"

    text: str


def test_json_file_reads_what_it_wrote() -> None:
    whole = Whole(count=None, parts={"a": Part(names=("x", "\u2028"), share=1e-300)})
    assert Whole.from_text(whole.to_text()) == whole


def test_json_line_reads_what_it_wrote_whatever_line_ends_a_text_holds() -> None:
    lines = [Line("a"), Line("b\u2028c\r\n")]
    assert Line.from_text("".join(line.to_line() for line in lines)) == lines


@pytest.mark.parametrize(
    ("text", "field", "received"),
    [
        ("{}", "whole.json.count", "nothing"),
        ('{"count": "1"}', "whole.json.count", "1"),
        ('{"count": true}', "whole.json.count", True),
        ('{"count": 1.5}', "whole.json.count", 1.5),
        ('{"count": 1, "parts": {"a": {"names": ["x", 2]}}}', "whole.json.parts.a.names[1]", 2),
        ('{"count": 1, "parts": {"a": {"names": [], "share": true}}}', "whole.json.parts.a.share", True),
        ("[1]", "whole.json", [1]),
        ('{"count": ', "whole.json", '{"count": '),
    ],
)
def test_from_text_of_another_content_names_the_field(text: str, field: str, received: object) -> None:
    with pytest.raises(ContractError) as caught:
        Whole.from_text(text)
    assert (caught.value.field, caught.value.received) == (field, received)


def test_from_text_of_a_broken_line_names_it() -> None:
    with pytest.raises(ContractError, match=r"lines\.jsonl, line 2"):
        Line.from_text('{"text": "a"}\n{"text": 1}\n')


def test_check_complete_names_a_field_that_has_only_its_default() -> None:
    document = {"count": 1, "parts": {"a": {"names": []}}}
    whole = from_json(Whole, '{"count": 1, "parts": {"a": {"names": []}}}', "whole")
    with pytest.raises(ContractError, match=r"whole\.parts\.a\.share: expected a value, received 'nothing'"):
        check_complete(document, whole, "whole")
