from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.tables.rows import LINE_BYTES, Block, RowReader, Rows, read_blocks, safe_end


def _read(text: str | bytes, *, width: int = 2, delimiter: str = ",") -> Rows:
    data = text.encode() if isinstance(text, str) else text
    return RowReader(delimiter=delimiter, width=width, kept=range(width)).read(Block(data, len(data)), 1)


def _values(rows: Rows) -> list[list[str]]:
    return [list(row) for row in zip(*(column.to_pylist() for column in rows.columns), strict=True)]


def test_read_of_plain_lines_gives_rows_with_their_lines() -> None:
    rows = _read("a,b\r\n\n  \nc, d\re,f")
    assert _values(rows) == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert list(rows.lines) == [1, 4, 5]
    assert rows.bad == []


def test_read_of_quoted_lines_keeps_breaks_and_delimiters() -> None:
    rows = _read('"a\r\nb","c,d"\n"say ""hi""",x\n')
    assert _values(rows) == [["a\nb", "c,d"], ['say "hi"', "x"]]
    assert list(rows.lines) == [1, 3]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"only", "column_count"),
        (b"1,2,3", "column_count"),
        (b"x\0y,1", "nul_byte"),
        (b"caf\xe9,1", "not_utf8"),
        (b'"stray,1', "unterminated_quote"),
        (b'"a"b,1', "bad_quote"),
        (b"y" * 1_000_000 + b",1", "field_too_long"),
        (b'"' + b"y" * 1_000_000 + b'",1', "field_too_long"),
    ],
)
def test_read_of_a_bad_row_rejects_it_alone(bad: bytes, reason: str) -> None:
    rows = _read(b"a,1\nb,2\n" + bad + b"\nc,3\nd,4\n")
    assert [(row.line, row.reason) for row in rows.bad] == [(3, reason)]
    assert rows.columns[0].to_pylist() == ["a", "b", "c", "d"]
    assert list(rows.lines) == [1, 2, 4, 5]
    assert len(rows.bad[0].detail) < 200


def test_read_with_two_stray_quotes_loses_only_their_rows() -> None:
    rows = _read('a,1\n"b,2\nc,3\nd,4\n"e,5\nf,6\n')
    assert rows.columns[0].to_pylist() == ["a", "c", "d", "f"]
    assert [(row.line, row.reason) for row in rows.bad] == [
        (2, "unterminated_quote"),
        (5, "unterminated_quote"),
    ]


def test_read_of_a_quote_inside_a_value_is_text() -> None:
    assert _values(_read('5" pipe,1\nb,2\n')) == [['5" pipe', "1"], ["b", "2"]]


def test_read_of_a_line_that_is_too_long_rejects_it() -> None:
    block = Block(b"begin", 1 << 30, too_long=True)
    (bad,) = RowReader(delimiter=",", width=2).read(block, 7).bad
    assert (bad.line, bad.reason) == (7, "field_too_long")


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"a;b;c\nd\n", ["a", "b", "c"]), (b"\n \n'd'\n", ["'d'"]), (b'"x;y";z', ["x;y", "z"]), (b"\n", None)],
)
def test_read_first_takes_a_row_of_any_width(data: bytes, expected: list[str] | None) -> None:
    assert RowReader(delimiter=";", width=None).read_first(Block(data, len(data))) == expected


_odd = st.sampled_from(
    ["\n", "\r\n", "\r", ",", ",", ",", "a", "é", " ", "1.5", '"', "\0", "\ufeff", "\u2028", "\t"]
)


@given(st.lists(_odd, max_size=40).map("".join))
def test_read_of_columns_is_read_of_rows(text: str) -> None:
    block, reader = Block(text.encode(), len(text.encode())), RowReader(delimiter=",", width=2, kept=(1, 0))
    together, one_by_one = reader._plain_rows(block, 5), reader._rows_of(*reader._validated(block, 5))
    if together is not None:
        assert [list(map(str.strip, row)) for row in _values(together)] == [
            list(map(str.strip, row)) for row in _values(one_by_one)
        ]
        assert together.lines.tolist() == one_by_one.lines.tolist()
        assert one_by_one.bad == []


def test_read_of_plain_lines_goes_by_columns() -> None:
    block = Block(b"a, 1\r\nb,2\r\n", 12)
    assert RowReader(delimiter=",", width=2, kept=(0,))._plain_rows(block, 1) is not None


_fields = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6).map(str.strip)


@given(st.lists(st.lists(_fields, min_size=3, max_size=3), max_size=8))
def test_read_gives_back_what_a_writer_wrote(rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    assert _values(_read(text.getvalue(), width=3)) == rows


@given(st.binary(max_size=60))
def test_read_of_anything_does_not_crash(data: bytes) -> None:
    rows = _read(data)
    assert {len(column) for column in rows.columns} == {len(rows.lines)}


def _blocks(data: bytes, size: int = 8, length: int | None = None) -> list[bytes]:
    return [block.data for block in read_blocks(io.BytesIO(data).read, length, size=size)]


def test_read_blocks_end_with_a_line() -> None:
    assert _blocks(b"one\ntwo\nthree\nfour") == [b"one\ntwo\n", b"three\n", b"four"]


def test_read_blocks_of_a_length_stop_there() -> None:
    assert b"".join(_blocks(b"one\ntwo\nthree\n", length=8)) == b"one\ntwo\n"


@given(st.text('a"\n\r,', max_size=80).map(str.encode), st.integers(1, 20))
def test_read_blocks_lose_nothing(data: bytes, size: int) -> None:
    found = list(read_blocks(io.BytesIO(data).read, size=size))
    assert b"".join(block.data for block in found) == data
    assert sum(block.size for block in found) == len(data)
    whole = data + b"\n" if data and not data.endswith((b"\n", b"\r")) else data
    assert sum(block.lines for block in found) == len(whole.splitlines())


def test_read_blocks_with_a_line_that_is_too_long_pass_it_over() -> None:
    data = b"first\n" + b"x" * (2 * LINE_BYTES) + b"\r\nlast\n"
    found = list(read_blocks(io.BytesIO(data).read, size=1 << 16))
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
        (b'a\r"b\nc",1\rd\r"e\n', 12),
        (b'a\n"b\nc"\nd', 8),
        (b'"a\nb\nc\n', 7),
        (b"a\rb\rc\r", 4),
    ],
)
def test_safe_end_is_outside_of_quotes(data: bytes, end: int) -> None:
    assert safe_end(data) == end


def test_lines_counts_every_kind_of_end() -> None:
    assert Block(b"a\r\nb\nc\rd", 8).lines == 4
