"""Read and write contracts and artifacts as JSON, with one error that names the field."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import TypeAdapter, ValidationError, WrapValidator

T = TypeVar("T")

Number = Annotated[float, WrapValidator(lambda value, strict: value if type(value) is int else strict(value))]
"""A number whose JSON is the same after it was read and written: 0 stays 0, as keys depend on it."""

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


class ContractError(ValueError):
    """A field of a contract or an artifact has a value that it can't have.

    Attributes:
        field: its path, `contract.features.0.name` for instance.
        expected: the values that it takes, in words.
        received: the value.
    """

    def __init__(self, field: str, *, expected: str, received: object) -> None:
        super().__init__(f"{field}: expected {expected}, received {received!r}")
        self.field = field
        self.expected = expected
        self.received = received


class JsonFile:
    """A dataclass that is the content of one JSON file.

    Attributes:
        FILENAME: the name of the file, relative to the folder that holds it.
    """

    FILENAME: ClassVar[str]

    def to_text(self) -> str:
        """Return the text of the file."""
        return json.dumps(to_json(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """Return the content of a file.

        Raises:
            ContractError: the text is no JSON, or a field is missing or of the wrong type.
        """
        return from_json(cls, text, cls.FILENAME)


class JsonLine:
    """A dataclass that is one line of a JSON Lines file (https://jsonlines.org).

    Attributes:
        FILENAME: the name of the file, relative to the folder that holds it.
    """

    FILENAME: ClassVar[str]

    def to_line(self) -> str:
        """Return the line, with its end."""
        return json.dumps(to_json(self)) + "\n"

    @classmethod
    def from_text(cls, text: str) -> list[Self]:
        """Return the lines of a file.

        Raises:
            ContractError: a line is no JSON, or a field of it is missing or of the wrong type.
        """
        lines = text.split("\n")
        return [
            from_json(cls, line, f"{cls.FILENAME}, line {number}")
            for number, line in enumerate(lines, start=1)
            if line
        ]


def to_json(value: object) -> dict[str, Any]:
    """Return a dataclass as plain JSON values."""
    dumped: dict[str, Any] = _adapter(type(value)).dump_python(value, by_alias=True)
    return dumped


def from_json(cls: type[T], text: str | bytes, where: str) -> T:
    """Return the dataclass that a JSON text holds.

    Numbers, texts and truth values are never taken for one another, but for a whole number where a float is
    expected.

    Args:
        cls: the dataclass.
        text: JSON.
        where: the beginning of the field's path in errors, a file name for instance.

    Raises:
        ContractError: the text is no JSON, or a field is missing, unknown or of the wrong type.
    """
    try:
        value: T = _adapter(cls).validate_json(text, strict=True)
    except ValidationError as error:
        raise _contract_error(error.errors(include_url=False)[0], where) from error
    return value


def check_complete(document: Any, value: object, where: str) -> None:
    """Refuse a JSON document that leaves out a field of the dataclass that was read from it.

    Args:
        document: the parsed JSON.
        value: the dataclass.
        where: the beginning of the field's path in errors.

    Raises:
        ContractError: a field is missing.
    """

    def check(read: Any, written: Any, path: str) -> None:
        if isinstance(written, dict):
            for name, item in written.items():
                if name not in read:
                    raise ContractError(f"{path}.{name}", expected="a value", received="nothing")
                check(read[name], item, f"{path}.{name}")
        elif isinstance(written, list | tuple):
            for index, item in enumerate(written):
                check(read[index], item, f"{path}[{index}]")

    check(document, to_json(value), where)


def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]


def _contract_error(error: Any, where: str) -> ContractError:
    """Return the first error of pydantic as one of ours."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ContractError):
        return cause
    field, received = _path(where, error["loc"]), error["input"]
    if error["type"] == "missing":
        return ContractError(field, expected="a value", received="nothing")
    if error["type"] == "unexpected_keyword_argument":
        return ContractError(field, expected="no such field", received=received)
    if error["type"] == "json_invalid":
        return ContractError(field, expected="JSON", received=received[:80])
    expected = re.sub(r"^\w+ should (be|have|match) ", "", error["msg"])
    return ContractError(field, expected=expected, received=received)


def _path(where: str, location: Sequence[str | int]) -> str:
    # pydantic ends the location of a wrong key of an object with "[key]".
    parts = [part for part in location if part != "[key]"]
    return where + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
