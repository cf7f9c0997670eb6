"""Cuts a filter of the Logging query language into tokens.

https://cloud.google.com/logging/docs/view/logging-query-language
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from emulator.errors import InvalidArgument

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


@dataclass(frozen=True, kw_only=True)
class Token:
    """One word, quoted text, operator or parenthesis.

    Attributes:
        kind: what it is.
        raw: as it stands in the filter.
        position: where, from 0.
    """

    kind: Kind
    raw: str
    position: int

    @property
    def value(self) -> str:
        """The text without quotation marks and escapes."""
        return _unquote(self.raw) if _PARTS.fullmatch(self.raw) else self.raw

    @property
    def path(self) -> tuple[str, ...]:
        """The text as the name of a field: its parts between dots, each of which may be quoted."""
        return tuple(_unquote(part) for part in _PARTS.findall(self.raw))


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a filter.

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
