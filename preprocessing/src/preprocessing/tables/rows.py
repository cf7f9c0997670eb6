"""A stream to blocks of whole lines, and blocks to rows; a bad row costs as few neighbours as can be.

Lines without quotes and oddities, nearly all of them, are split by Arrow's parser, column by column. Whatever
it refuses, or might take otherwise than Python's csv module does, is read by that, row by row.
https://arrow.apache.org/docs/python/csv.html
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv as arrow_csv

from preprocessing.errors import Reason, excerpt

if TYPE_CHECKING:
    from _csv import Reader

Row = list[str]
Lines = npt.NDArray[np.int64]

BLOCK_BYTES = 1 << 20
LINE_BYTES = 4 << 20
"""Limit of a line: it would have to be held in memory to find the end of a longer one, which is rejected."""

_HEAD_BYTES = 1 << 10
_LINE_END = re.compile(rb"\r\n?|\n")
_LINE_FEED, _CARRIAGE_RETURN = b"\n\r"
_ODD = (b'"', b"\0", b"\xef\xbb\xbf")
"""Bytes that Arrow's parser takes otherwise than the csv module: quotes, NUL, and byte order marks."""


@dataclass(frozen=True)
class Block:
    """Some lines.

    Attributes:
        data: their bytes; of a line that is too long only the beginning.
        size: bytes of the stream.
        too_long: whether it is one line of more than `LINE_BYTES`.
    """

    data: bytes
    size: int
    too_long: bool = False

    @property
    def lines(self) -> int:
        """Number of lines."""
        if self.too_long:
            return 1
        data = np.frombuffer(self.data, np.uint8)
        feeds, returns = data == _LINE_FEED, data == _CARRIAGE_RETURN
        ends = np.count_nonzero(feeds) + np.count_nonzero(returns[:-1] & ~feeds[1:]) + returns[-1:].sum()
        return int(ends) + (not self.data.endswith((b"\n", b"\r")))


def read_blocks(
    read: Callable[[int], bytes], length: int | None = None, *, size: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Read the lines of a stream, at least `size` bytes at a time, in bounded memory.

    Args:
        read: gives the next bytes, at most as many as asked for; none at the end.
        length: number of bytes to read, all by default.
        size: of a block, bytes.

    Yields:
        Blocks that end with a line, where quotes are even; the last one may lack the line's end.
    """
    pending = bytearray()
    passed = 0  # bytes of a line that is too long; its beginning is in `head`
    head = b""
    ended = False
    while not ended:
        data = read(size if length is None else min(size, length))
        ended = not data
        if length is not None:
            length -= len(data)
        if passed:
            line_end = _LINE_END.search(data)
            if line_end is None and not ended:
                passed += len(data)
                continue
            taken = line_end.end() if line_end else 0
            yield Block(head, passed + taken, too_long=True)
            data, passed = data[taken:], 0
        pending += data
        if len(pending) < size and not ended:
            continue
        end = len(pending) if ended else safe_end(pending)
        if end:
            yield Block(bytes(pending[:end]), end)
            del pending[:end]
        elif len(pending) > LINE_BYTES:
            head, passed = bytes(pending[:_HEAD_BYTES]), len(pending)
            pending.clear()


def safe_end(data: bytes | bytearray) -> int:
    """Return the offset to cut data at: after the last line up to which quotes are even.

    Where quotes are odd throughout, one of them is stray, and the cut is after the last line. Without a line
    end, the offset is 0.
    """
    last = end = _last_line_end(data)
    quotes = data.count(b'"', 0, end)
    while quotes % 2 and end:
        feed = data.rfind(b"\n", 0, end - 1)
        before = max(feed, data.rfind(b"\r", feed + 1, end - 1)) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end or last


def _last_line_end(data: bytes | bytearray) -> int:
    newline = data.rfind(b"\n")
    # Not in the last place: the other half of a CRLF may follow.
    carriage_return = data.rfind(b"\r", newline + 1, len(data) - 1)
    return max(newline, carriage_return) + 1


@dataclass(frozen=True)
class BadRow:
    """A row that can't be used.

    Attributes:
        line: number of its first line, from 1.
        reason: one word, for counting.
        detail: one phrase, for people.
    """

    line: int
    reason: Reason
    detail: str


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a block.

    Attributes:
        columns: the texts of each column, string arrays of n rows; spaces around a value may still be there.
        lines: number of each row's first line, from 1, shape (n,).
        bad: rows that are none of these.
    """

    columns: Sequence[pa.StringArray]
    lines: Lines = field(default_factory=lambda: np.empty(0, np.int64))
    bad: list[BadRow] = field(default_factory=list)

    def without_first(self) -> Rows:
        """Return all but the first row."""
        return Rows(columns=[column[1:] for column in self.columns], lines=self.lines[1:], bad=self.bad)


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """Splits lines into values.

    A row that is broken over several lines by a stray quote is recognised by what follows: no closing
    quote within the longest field that the csv module takes (131,072 characters), text after a closing quote,
    or another number of values. Then only its first line is rejected, and reading goes on with the second.

    Attributes:
        delimiter: one character.
        width: number of values in each row; None for any number.
        kept: indices of the columns to return, in this order.
    """

    delimiter: str
    width: int | None
    kept: Sequence[int] = ()

    def read(self, block: Block, line: int) -> Rows:
        """Return the rows of a block; empty lines are no rows.

        Args:
            block: whole lines.
            line: number of the first one, from 1.
        """
        if block.too_long:
            bad = BadRow(line, "field_too_long", f"a line of more than {LINE_BYTES} bytes")
            return self._rows_of([], [bad])
        return self._plain_rows(block, line) or self._rows_of(*self._validated(block, line))

    def read_first(self, block: Block) -> Row | None:
        """Return the first row of a block; None if it has none."""
        return None if block.too_long else next(iter(self._validated(block, 1)[0]), (0, None))[1]

    def _plain_rows(self, block: Block, line: int) -> Rows | None:
        """Return the rows of a block in which each line plainly is one; None if that isn't sure."""
        data = block.data
        if self.width in (None, 1) or not self.delimiter.isascii() or any(odd in data for odd in _ODD):
            return None
        characters = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(characters == _LINE_FEED)
        returns = np.count_nonzero(characters == _CARRIAGE_RETURN)
        if returns and returns != np.count_nonzero(characters[ends - 1] == _CARRIAGE_RETURN):
            return None  # a carriage return ends a line by itself
        if np.diff(ends, prepend=-1, append=len(data)).max() > csv.field_size_limit():
            return None
        names = [str(index) for index in range(self.width or 0)]
        chosen = [names[index] for index in self.kept]
        try:
            data.isascii() or data.decode()
            table = arrow_csv.read_csv(
                pa.BufferReader(data),
                arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
                arrow_csv.ParseOptions(delimiter=self.delimiter, quote_char=False, double_quote=False),
                arrow_csv.ConvertOptions(
                    check_utf8=False,
                    column_types=dict.fromkeys(chosen, pa.string()),
                    strings_can_be_null=False,
                    include_columns=chosen,
                ),
            )
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return None
        if table.num_rows != ends.size + (not data.endswith(b"\n")):
            return None  # lines without values are none of these
        columns = [column.combine_chunks() for column in table.columns]
        return Rows(columns=columns, lines=np.arange(line, line + table.num_rows))

    def _rows_of(self, rows: Sequence[tuple[int, Row]], bad: list[BadRow]) -> Rows:
        return Rows(
            columns=[pa.array([row[index] for _, row in rows], pa.string()) for index in self.kept],
            lines=np.array([line for line, _ in rows], np.int64),
            bad=bad,
        )

    def _reader(self, lines: Iterator[str]) -> Reader:
        return csv.reader(lines, delimiter=self.delimiter, skipinitialspace=True, strict=True)

    def _split(self, text: str) -> Iterator[tuple[int, Row | BadRow]]:
        """Return each row with the index of its first line."""
        if '"' not in text and "\0" not in text:  # each line is a row
            with suppress(csv.Error):
                return enumerate(list(self._reader(io.StringIO(text, newline=None))))
        return self._rows_one_by_one(list(io.StringIO(text, newline=None)))

    def _rows_one_by_one(self, lines: list[str]) -> Iterator[tuple[int, Row | BadRow]]:
        """Yield each row with the index of its first line."""
        first = 0
        while first < len(lines):
            begin = first
            reader = self._reader(map(lines.__getitem__, range(begin, len(lines))))
            while first < len(lines):
                try:
                    found: Row | BadRow = next(reader)
                except csv.Error as error:
                    found = BadRow(first, *_reason(error, lines[first]))
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

    def _validated(self, block: Block, line: int) -> tuple[list[tuple[int, Row]], list[BadRow]]:
        """Return the rows of a block with their lines, and the bad ones."""
        rows: list[tuple[int, Row]] = []
        bad: list[BadRow] = []
        for index, row in self._split(block.data.decode(errors="surrogateescape")):
            if isinstance(row, BadRow):
                bad.append(BadRow(line + index, row.reason, row.detail))
                continue
            if not row or (len(row) == 1 and not row[0].strip() and self.width != 1):
                continue
            problem = self._problem(row)
            if problem is not None:
                bad.append(BadRow(line + index, *problem))
            else:
                rows.append((line + index, row))
        return rows, bad

    def _problem(self, row: Row) -> tuple[Reason, str] | None:
        text = self.delimiter.join(row)
        if "\0" in text:
            return "nul_byte", f"in {excerpt(text)}"
        try:
            text.encode()
        except UnicodeEncodeError as error:
            code = ord(text[error.start]) & 0xFF
            likely = bytes([code]).decode("cp1252", errors="replace")
            where = excerpt(text.encode(errors="replace").decode())
            return "not_utf8", f"byte 0x{code:02x}, {likely!r} in Windows-1252, in {where}"
        if self._is_of_another_width(row):
            return "column_count", f"expected {self.width} values, received {len(row)}: {excerpt(text)}"
        return None


def _reason(error: csv.Error, line: str) -> tuple[Reason, str]:
    """Return the reason and detail of an error of the csv module; it has no codes, only messages."""
    message, text = str(error), excerpt(line.rstrip())
    if "field limit" in message:
        return "field_too_long", f"more than {csv.field_size_limit()} characters in {text}"
    if "unexpected end of data" in message:
        return "unterminated_quote", f"in {text}"
    return "bad_quote", f"{message} in {text}"
