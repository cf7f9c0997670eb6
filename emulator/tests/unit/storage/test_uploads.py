import asyncio
from collections.abc import AsyncIterator

import pytest

from emulator.errors import InvalidArgument
from emulator.storage.uploads import boundary_of, read_related


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def read(body: bytes, size: int, boundary: bytes = b"==B==") -> tuple[bytes, str, bytes]:
    async def run() -> tuple[bytes, str, bytes]:
        upload = await read_related(pieces(body, size), boundary)
        return upload.resource, upload.content_type, b"".join([data async for data in upload.content])

    return asyncio.run(run())


def body_of(content: bytes, newline: bytes) -> bytes:
    lines = [
        b"--==B==", b"content-type: application/json", b"", b'{"name": "x"}',
        b"--==B==", b"Content-Type: text/plain", b"X-Other: 1", b"", content, b"--==B==--", b"",
    ]  # fmt: skip
    return newline.join(lines)


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("content", [b"", b"hello", b"\r\n--==B==--\r\nmore\n", b"\r", b"--==B==\n" * 50])
def test_read_related_takes_any_content_in_any_pieces(content, size, newline):
    assert read(body_of(content, newline), size) == (b'{"name": "x"}', "text/plain", content)


def test_read_related_without_headers_in_a_part():
    assert read(b"--==B==\r\n\r\n{}\r\n--==B==\r\n\r\nx\r\n--==B==--", 5) == (b"{}", "", b"x")


@pytest.mark.parametrize("body", [b"--b" + b" " * 900_000, b"--b\n\n{}\n" + b"--b\n" * 200_000])
def test_read_related_refuses_long_heads_in_even_time(body):
    with pytest.raises(InvalidArgument):
        read(body, 1 << 16, b"b")  # squares of these lengths would take hours


def test_read_related_cut_short_says_so():
    with pytest.raises(InvalidArgument, match="closing boundary"):
        read(body_of(b"hello", b"\r\n")[:-15], 10)
    with pytest.raises(InvalidArgument, match="a JSON part and a content part"):
        read(b"--==B==\r\n", 10)


@pytest.mark.parametrize("text", ["multipart/related; boundary=a=b", 'multipart/related; boundary="a=b"',
                                  "multipart/related; boundary='a=b'"])  # fmt: skip
def test_boundary_of_any_quoting(text):
    assert boundary_of(text) == b"a=b"


def test_boundary_of_nothing_is_refused():
    with pytest.raises(InvalidArgument, match="Content-Type"):
        boundary_of("application/json")
