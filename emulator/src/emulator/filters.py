"""Filters of Google's list methods: the Logging query language, whose syntax Vertex AI's lists share.

Comparisons, AND, OR, NOT, parentheses, lists of values and `log_id()`. OR binds more tightly than AND, and
conditions that just follow each other are joined by AND.
https://cloud.google.com/logging/docs/view/logging-query-language#syntax-rules
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from emulator.errors import InvalidArgument
from emulator.filter_conditions import (
    ORDERINGS,
    And,
    Comparison,
    Condition,
    HasField,
    Not,
    Or,
    Pattern,
    Severity,
    Time,
    named_severity,
)

_QUOTED = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
_BARE = r"""[^\s()"'=<>!:~,.]+"""
_PART = f"(?:{_QUOTED}|{_BARE})"
_TOKENS = re.compile(
    rf"""
    (?P<space>\s+|--[^\n]*)
  | (?P<text>{_PART}(?:\.{_PART})*\.?)
  | (?P<operator><=|>=|!=|=~|!~|=|<|>|:)
  | (?P<parenthesis>[(),])
    """,
    re.VERBOSE,
)
_PARTS = re.compile(_PART)
_ESCAPE = re.compile(r"\\(.)")

Kind = Literal["text", "operator", "parenthesis", "keyword"]
KEYWORDS = frozenset({"AND", "OR", "NOT"})
_TIME_FIELDS = frozenset({("timestamp",), ("receiveTimestamp",)})


@dataclass(frozen=True, kw_only=True)
class Token:
    """Word, quoted text, operator or parenthesis of a filter.

    Attributes:
        kind: its syntactic class.
        raw: as it stands in the filter.
        position: where, from 0.
    """

    kind: Kind
    raw: str
    position: int

    @property
    def value(self) -> str:
        """Text without quotation marks and escapes."""
        return _unquote(self.raw) if _PARTS.fullmatch(self.raw) else self.raw

    @property
    def path(self) -> tuple[str, ...]:
        """Parts of a field's name between dots, each of which may be quoted."""
        return tuple(_unquote(part) for part in _PARTS.findall(self.raw))


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a filter.

    Raises:
        InvalidArgument: it holds a character that begins no token.
    """
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            raise InvalidArgument(f"filter: unexpected {text[position]!r} at {position} in {text!r}")
        kind, raw = str(match.lastgroup), match.group()
        if kind != "space":
            yield Token(kind="keyword" if raw in KEYWORDS else kind, raw=raw, position=position)  # type: ignore[arg-type]
        position = match.end()


def _unquote(part: str) -> str:
    return _ESCAPE.sub(r"\1", part[1:-1]) if part[0] in "\"'" else part


def parse_filter(text: str) -> Condition:
    """Parse a filter; an empty one matches everything.

    Raises:
        InvalidArgument: it is no filter, or one with a function that isn't emulated.
    """
    return _Parser(text).parse()


class _Parser:
    """Recursive-descent parser with one method for each level of precedence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._next = 0

    def parse(self) -> Condition:
        condition = self._and(self._primary) if self._tokens else And(())
        if self._peek() is not None:
            raise self._unexpected("the end")
        return condition

    def _and(self, primary: Callable[[], Condition]) -> Condition:
        parts = [self._or(primary)]
        while self._peek() not in (None, ")"):
            self._take("AND")
            parts.append(self._or(primary))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _or(self, primary: Callable[[], Condition]) -> Condition:
        parts = [self._not(primary)]
        while self._take("OR"):
            parts.append(self._not(primary))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _not(self, primary: Callable[[], Condition]) -> Condition:
        if self._take("NOT"):
            return Not(self._not(primary))
        if self._take("("):
            inner = self._and(primary)
            if not self._take(")"):
                raise self._unexpected(")")
            return inner
        return primary()

    def _primary(self) -> Condition:
        token = self._text_token("a field or text")
        if self._take("("):
            return self._function(token)
        if not self._at_operator():
            negated = token.raw.startswith("-")
            text = Comparison((), ":", token.value.removeprefix("-") if negated else token.value)
            return Not(text) if negated else text
        path, operator = token.path, self._advance().raw
        negated = path[0].startswith("-")
        if negated:
            path = (path[0].removeprefix("-"), *path[1:])
        condition = self._comparison(path, operator)
        return Not(condition) if negated else condition

    def _comparison(self, path: tuple[str, ...], operator: str) -> Condition:
        def value() -> Condition:
            return _compare(path, operator, self._text_token("a value"))

        if not self._take("("):
            return value()
        condition = self._and(value)
        if not self._take(")"):
            raise self._unexpected(")")
        return condition

    def _function(self, name: Token) -> Condition:
        if name.raw != "log_id":
            raise InvalidArgument(f"filter: the function {name.raw} is not emulated")
        argument = self._text_token("a log's id")
        if not self._take(")"):
            raise self._unexpected(")")
        return Pattern(("logName",), re.compile(f"/logs/{re.escape(quote(argument.value, safe=''))}$"), False)

    def _peek(self) -> str | None:
        return self._tokens[self._next].raw if self._next < len(self._tokens) else None

    def _at_operator(self) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next].kind == "operator"

    def _advance(self) -> Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _take(self, raw: str) -> bool:
        if self._peek() != raw:
            return False
        self._advance()
        return True

    def _text_token(self, expected: str) -> Token:
        if self._next >= len(self._tokens) or self._tokens[self._next].kind != "text":
            raise self._unexpected(expected)
        return self._advance()

    def _unexpected(self, expected: str) -> InvalidArgument:
        if self._next >= len(self._tokens):
            return InvalidArgument(f"filter: expected {expected}, received the end of {self._text!r}")
        token = self._tokens[self._next]
        return InvalidArgument(
            f"filter: expected {expected}, received {token.raw!r} at {token.position} in {self._text!r}"
        )


def _compare(path: tuple[str, ...], operator: str, token: Token) -> Condition:
    value = token.value
    name = ".".join(path)
    if operator in ("=~", "!~"):
        try:
            return Pattern(path, re.compile(value), operator == "!~")
        except re.error as error:
            raise InvalidArgument(f"filter: {name}: {value!r} is no regular expression: {error}") from error
    if operator == ":" and token.raw == "*":
        return HasField(path)
    if operator in ORDERINGS and path in _TIME_FIELDS:
        return Time(path, operator, _time(name, value))
    if operator in ORDERINGS and path == ("severity",):
        severity = named_severity(value)
        if severity is None:
            raise InvalidArgument(f"filter: severity: expected a severity's name, received {value!r}")
        return Severity(operator, severity)
    return Comparison(path, operator, value)


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(f"filter: {name}: expected a time in RFC 3339, received {text!r}") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
