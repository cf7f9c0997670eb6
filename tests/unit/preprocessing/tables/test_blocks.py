from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.tables.blocks import LINE_BYTES, Block, blocks, safe_end


def _blocks(data: bytes, size: int = 8, length: int | None = None) -> list[bytes]:
    return [block.data for block in blocks(io.BytesIO(data).read, length, size=size)]


def test_blocks_end_with_a_line() -> None:
    assert _blocks(b"one\ntwo\nthree\nfour") == [b"one\ntwo\n", b"three\n", b"four"]


def test_blocks_of_a_length_stop_there() -> None:
    assert b"".join(_blocks(b"one\ntwo\nthree\n", length=8)) == b"one\ntwo\n"


@given(st.text('a"\n\r,', max_size=80).map(str.encode), st.integers(1, 20))
def test_blocks_lose_nothing(data: bytes, size: int) -> None:
    found = list(blocks(io.BytesIO(data).read, size=size))
    assert b"".join(block.data for block in found) == data
    assert sum(block.size for block in found) == len(data)
    whole = data + b"\n" if data and not data.endswith((b"\n", b"\r")) else data
    assert sum(block.lines for block in found) == len(whole.splitlines())


def test_blocks_with_a_line_that_is_too_long_pass_it_over() -> None:
    data = b"first\n" + b"x" * (2 * LINE_BYTES) + b"\r\nlast\n"
    found = list(blocks(io.BytesIO(data).read, size=1 << 16))
    assert [(block.data[:5], block.too_long, block.lines) for block in found] == [
        (b"first", False, 1),
        (b"xxxxx", True, 1),
        (b"last\n", False, 1),
    ]
    assert sum(block.size for block in found) == len(data)
    assert all(len(block.data) < 1 << 16 for block in found)


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"a\nb", 2),
        (b"no end", 0),
        (b'a\n"b\nc', 2),
        (b'a\n"b\nc"\nd', 8),
        (b'"a\nb\nc\n', 7),
        (b"a\rb\rc\r", 4),
    ],
)
def test_safe_end_is_outside_of_quotes(data: bytes, end: int) -> None:
    assert safe_end(data) == end


def test_lines_counts_every_kind_of_end() -> None:
    assert Block(b"a\r\nb\nc\rd", 8).lines == 4
