"""Conditions of a filter on an entry's fields and its severity.

A field that an entry doesn't have makes every comparison with it false.
https://cloud.google.com/logging/docs/view/logging-query-language
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
"""In rising order."""

_WORDS = {
    "DEBUG": "DEBUG", "INFO": "INFO", "NOTICE": "NOTICE", "WARN": "WARNING", "WARNING": "WARNING",
    "ERROR": "ERROR", "CRITICAL": "CRITICAL", "FATAL": "CRITICAL",
    "D": "DEBUG", "I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL",
}  # fmt: skip
# `INFO:root:...`, `[INFO] ...`, `2026-01-31 12:00:00,123 - name - INFO - ...`, glog's `I0131 12:00:00 ...`.
_WORD = re.compile(
    r"^(?:\[?\d{4}-\d\d-\d\d[T ][\d:.,+Z]*\]?[\s-]*)?(?:[\w.]+ - )?"
    r"\[?(DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b[\]:\s-]"
)
_GLOG = re.compile(r"^([DIWEF])\d{4} \d\d:\d\d:\d\d")
Entry = Mapping[str, Any]
ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def severity_of(line: str, stream: str) -> str:
    """Return the level that a line names at its start; without one, the default of its stream.

    Args:
        line: one line of a program's output.
        stream: `stdout` stands for INFO, `stderr` for ERROR, as in Vertex AI's training jobs.
    """
    match = _WORD.match(line) or _GLOG.match(line)
    if match is not None:
        return _WORDS[match[1]]
    return "ERROR" if stream == "stderr" else "INFO"


def named_severity(word: object) -> str | None:
    """Return the severity of a structured line's `severity` field; `None` if it is unknown."""
    name = str(word).upper()
    return name if name in SEVERITIES else _WORDS.get(name)


class Condition(Protocol):
    """Condition on an entry."""

    def matches(self, entry: Entry) -> bool:
        """Return True if the entry fulfils it."""


@dataclass(frozen=True)
class And:
    """Conjunction; without conditions it always holds."""

    conditions: tuple[Condition, ...]

    def matches(self, entry: Entry) -> bool:
        """Return True if the entry fulfils all conditions."""
        return all(condition.matches(entry) for condition in self.conditions)


@dataclass(frozen=True)
class Or:
    """Disjunction."""

    conditions: tuple[Condition, ...]

    def matches(self, entry: Entry) -> bool:
        """Return True if the entry fulfils one of the conditions."""
        return any(condition.matches(entry) for condition in self.conditions)


@dataclass(frozen=True)
class Not:
    """Negation."""

    condition: Condition

    def matches(self, entry: Entry) -> bool:
        """Return True if the entry doesn't fulfil the condition."""
        return not self.condition.matches(entry)


@dataclass(frozen=True)
class HasField:
    """Test for a field's presence."""

    path: tuple[str, ...]

    def matches(self, entry: Entry) -> bool:
        """Return True if the entry has the field."""
        return _find(entry, self.path) is not None


@dataclass(frozen=True)
class Comparison:
    """Comparison of a field with text, regardless of case; numbers are compared as numbers.

    Attributes:
        path: the field's name, part by part; empty for the whole entry.
        operator: one of `ORDERINGS`, or `:` for "contains".
        value: the other side.
    """

    path: tuple[str, ...]
    operator: str
    value: str

    def matches(self, entry: Entry) -> bool:
        """Return True if the comparison holds."""
        found = _find(entry, self.path)
        if self.operator == ":":
            wanted = self.value.casefold()
            is_key = isinstance(found, Mapping) and self.value in found
            return is_key or any(wanted in str(leaf).casefold() for leaf in _leaves(found))
        if found is None or isinstance(found, Mapping):
            return False
        left, right = _comparable(found, self.value)
        return ORDERINGS[self.operator](left, right)


@dataclass(frozen=True)
class Pattern:
    """Search for a regular expression in a field; `negated`: it must not be found."""

    path: tuple[str, ...]
    pattern: re.Pattern[str]
    negated: bool

    def matches(self, entry: Entry) -> bool:
        """Return True if the search succeeds."""
        leaves = list(_leaves(_find(entry, self.path)))
        if not leaves:
            return False
        return self.negated != any(self.pattern.search(str(leaf)) for leaf in leaves)


@dataclass(frozen=True)
class Time:
    """Comparison of a field with a time."""

    path: tuple[str, ...]
    operator: str
    value: datetime

    def matches(self, entry: Entry) -> bool:
        """Return True if the comparison holds."""
        found = _find(entry, self.path)
        return found is not None and ORDERINGS[self.operator](datetime.fromisoformat(found), self.value)


@dataclass(frozen=True)
class Severity:
    """Comparison of the severity with another, in their order."""

    operator: str
    value: str

    def matches(self, entry: Entry) -> bool:
        """Return True if the comparison holds."""
        own = SEVERITIES.index(entry.get("severity", SEVERITIES[0]))
        return ORDERINGS[self.operator](own, SEVERITIES.index(self.value))


def required_value(condition: Condition, path: tuple[str, ...]) -> str | None:
    """Return the value that a field has in every entry that matches; `None` if the condition sets none."""
    if isinstance(condition, Comparison) and condition.path == path and condition.operator == "=":
        return condition.value
    if isinstance(condition, And):
        found = (required_value(part, path) for part in condition.conditions)
        return next((value for value in found if value is not None), None)
    return None


def _find(entry: Entry, path: tuple[str, ...]) -> Any:
    value: Any = entry
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not None:
        yield value


def _comparable(found: Any, wanted: str) -> tuple[Any, Any]:
    if isinstance(found, int | float) and not isinstance(found, bool):
        try:
            return float(found), float(wanted)
        except ValueError:
            pass
    return str(found).casefold(), wanted.casefold()
