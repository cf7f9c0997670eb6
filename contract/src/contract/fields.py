"""Reads the fields of a JSON object one by one and says exactly which one is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contract.errors import ContractError


class FieldReader:
    """Takes fields out of a JSON object; `finish` refuses what nobody took."""

    def __init__(self, value: object, where: str, *, defaults: Mapping[str, object] | None = None) -> None:
        """Read an object.

        Args:
            value: what should be one.
            where: what errors call it.
            defaults: values of fields that may be left out.

        Raises:
            ContractError: it is no JSON object.
        """
        if not isinstance(value, Mapping):
            raise ContractError(where, expected="a JSON object", received=value)
        self._left = {**(defaults or {}), **value}
        self._where = where

    @classmethod
    def of_text(cls, text: str, where: str, *, defaults: Mapping[str, object] | None = None) -> FieldReader:
        """The reader of the object that a JSON text holds.

        Raises:
            ContractError: the text is no JSON, or no object.
        """
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ContractError(where, expected="JSON", received=text[:80]) from error
        return cls(value, where, defaults=defaults)

    def take(self, field: str, *types: type) -> Any:
        """The value of a field, of one of the types.

        Raises:
            ContractError: the field is missing or of another type.
        """
        where = f"{self._where}.{field}"
        if field not in self._left:
            raise ContractError(where, expected=_names(types), received="nothing")
        return _checked(self._left.pop(field), types, where)

    def take_list(self, field: str, *types: type) -> list[Any]:
        """The value of a field that is a list of items, each of one of the types.

        Raises:
            ContractError: the field is missing, no list, or holds an item of another type.
        """
        items = self.take(field, list)
        return [_checked(item, types, f"{self._where}.{field}[{index}]") for index, item in enumerate(items)]

    def finish(self) -> None:
        """Refuse fields that nobody took.

        Raises:
            ContractError: a field is left over.
        """
        if self._left:
            raise ContractError(self._where, expected="no further fields", received=sorted(self._left))


def _checked(value: object, types: tuple[type, ...], where: str) -> object:
    # bool is an int to Python, never to a contract.
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise ContractError(where, expected=_names(types), received=value)
    return value


def _names(types: tuple[type, ...]) -> str:
    return " or ".join("null" if t is type(None) else t.__name__ for t in types)
