"""Blocks of a CSV file to rows of text; a bad row costs as few of its neighbours as can be."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preprocessing.rejections import Reason, excerpt
from preprocessing.tables.blocks import LINE_BYTES, Block

Row = list[str]

if TYPE_CHECKING:
    from _csv import Reader


@dataclass(frozen=True)
class BadRow:
    """A row that can't be used.

    Attributes:
        line: where it begins, from 1.
        reason: one word, for counting.
        detail: one phrase, for people.
    """

    line: int
    reason: Reason
    detail: str


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a block holds.

    Attributes:
        rows: the values of each row, all of the same number; spaces after a value are still there.
        lines: where each row begins, from 1.
        bad: rows that are none of these.
    """

    rows: list[Row] = field(default_factory=list)
    lines: Sequence[int] = ()
    bad: list[BadRow] = field(default_factory=list)

    def without_first(self) -> Rows:
        """All but the first row."""
        return Rows(rows=self.rows[1:], lines=self.lines[1:], bad=self.bad)


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """Splits lines into values.

    A row that is broken over several lines by a stray quote is recognised by what follows: no closing
    quote within the longest field that the csv module takes (131,072 characters), text after a closing quote,
    or another number of values. Then only its first line is rejected, and reading goes on with the second.

    Attributes:
        delimiter: one character.
        width: how many values each row has; `None` for any number.
    """

    delimiter: str
    width: int | None

    def read(self, block: Block, line: int) -> Rows:
        """The rows of a block; empty lines are no rows.

        Args:
            block: whole lines.
            line: the number of the first one, from 1.
        """
        if block.too_long:
            return Rows(bad=[BadRow(line, "field_too_long", f"a line of more than {LINE_BYTES} bytes")])
        try:
            text = block.data.decode()
        except UnicodeDecodeError:
            return self._recover(block.data.decode(errors="surrogateescape"), line)
        if '"' in text or "\0" in text:
            return self._recover(text, line)
        try:
            rows = list(self._reader(io.StringIO(text, newline=None)))
        except csv.Error:
            return self._recover(text, line)
        # Without quotes, each line is a row.
        if all(len(row) == self.width for row in rows):
            return Rows(rows=rows, lines=range(line, line + len(rows)))
        return self._sorted_out(enumerate(rows, line))

    def _reader(self, lines: Iterator[str]) -> Reader:
        return csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)

    def _recover(self, text: str, line: int) -> Rows:
        lines = list(io.StringIO(text, newline=None))
        return self._sorted_out((line + index, found) for index, found in self._rows_one_by_one(lines))

    def _rows_one_by_one(self, lines: list[str]) -> Iterator[tuple[int, Row | BadRow]]:
        """Each row with the index of its first line."""
        first = 0
        while first < len(lines):
            begin = first
            reader = self._reader(map(lines.__getitem__, range(begin, len(lines))))
            while first < len(lines):
                try:
                    found: Row | BadRow = next(reader)
                except csv.Error as error:
                    found = BadRow(first, *_explained(error, lines[first]))
                after = begin + reader.line_num
                if after - first > 1 and (isinstance(found, BadRow) or self._is_of_another_width(found)):
                    # A stray quote: the lines after the first are rows of their own.
                    yield first, BadRow(first, "unterminated_quote", f"in {excerpt(lines[first].rstrip())}")
                    first += 1
                    break
                yield first, found
                first = after

    def _is_of_another_width(self, row: Row) -> bool:
        return self.width is not None and len(row) != self.width

    def _sorted_out(self, found: Iterator[tuple[int, Row | BadRow]]) -> Rows:
        rows: list[Row] = []
        lines: list[int] = []
        bad: list[BadRow] = []
        for line, row in found:
            if isinstance(row, BadRow):
                bad.append(BadRow(line, row.reason, row.detail))
                continue
            if not row or (len(row) == 1 and not row[0].strip() and self.width != 1):
                continue
            problem = self._problem(row)
            if problem is not None:
                bad.append(BadRow(line, *problem))
            else:
                rows.append(row)
                lines.append(line)
        return Rows(rows=rows, lines=lines, bad=bad)

    def _problem(self, row: Row) -> tuple[Reason, str] | None:
        text = self.delimiter.join(row)
        if "\0" in text:
            return "nul_byte", f"in {excerpt(text)}"
        try:
            text.encode()
        except UnicodeEncodeError as error:
            code = ord(text[error.start]) & 0xFF
            return "not_utf8", f"byte 0x{code:02x} in {excerpt(text.encode(errors='replace').decode())}"
        if self._is_of_another_width(row):
            return "column_count", f"expected {self.width} values, received {len(row)}: {excerpt(text)}"
        return None


def _explained(error: csv.Error, line: str) -> tuple[Reason, str]:
    """The reason that an error of the csv module stands for; it has no codes, only messages."""
    message, text = str(error), excerpt(line.rstrip())
    if "field limit" in message:
        return "field_too_long", f"more than {csv.field_size_limit()} characters in {text}"
    if "unexpected end of data" in message:
        return "unterminated_quote", f"in {text}"
    return "bad_quote", f"{message} in {text}"
