"""Reads a stream as blocks of whole lines, cut where a record can end, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BLOCK_BYTES = 1 << 18
LINE_BYTES = 4 << 20
"""A line that is longer is passed over: it would have to be held in memory to find its end."""

_HEAD_BYTES = 1 << 10
_LINE_END = re.compile(rb"\r\n?|\n")


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
        """How many there are."""
        if self.too_long:
            return 1
        count = self.data.count
        ends = count(b"\n")
        if b"\r" in self.data:
            ends += count(b"\r") - count(b"\r\n")
        return ends + (not self.data.endswith((b"\n", b"\r")))


def blocks(
    read: Callable[[int], bytes], length: int | None = None, *, size: int = BLOCK_BYTES
) -> Iterator[Block]:
    """The lines of a stream, at least `size` bytes at a time.

    Args:
        read: gives the next bytes, at most as many as asked for; none at the end.
        length: how many bytes are read, all by default.
        size: of a block, bytes.

    Yields:
        Blocks that end with a line, where quotes are even; the last one may lack the line's end.
    """
    pending = bytearray()
    passed = 0  # bytes of a line that is too long; its beginning is in `head`
    head = b""
    ended = False
    while not ended:
        piece = read(size if length is None else min(size, length))
        ended = not piece
        if length is not None:
            length -= len(piece)
        if passed:
            line_end = _LINE_END.search(piece)
            if line_end is None and not ended:
                passed += len(piece)
                continue
            taken = line_end.end() if line_end else 0
            yield Block(head, passed + taken, too_long=True)
            piece, passed = piece[taken:], 0
        pending += piece
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
    """Where to cut data: after the last line up to which quotes are even, outside of quoted text.

    Where quotes are odd throughout, one of them is stray, and the cut is after the last line.

    Returns:
        An offset; 0 if there is no line end.
    """
    last = end = _last_line_end(data)
    quotes = data.count(b'"', 0, end)
    while quotes % 2 and end:
        before = data.rfind(b"\n", 0, end - 1) + 1
        quotes -= data.count(b'"', before, end)
        end = before
    return end or last


def _last_line_end(data: bytes | bytearray) -> int:
    newline = data.rfind(b"\n")
    # Not in the last place: the other half of a CRLF may follow.
    carriage_return = data.rfind(b"\r", newline + 1, len(data) - 1)
    return max(newline, carriage_return) + 1
