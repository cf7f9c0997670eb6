"""The IDX files of MNIST: big-endian sizes, then bytes.

https://web.archive.org/web/2023/http://yann.lecun.com/exdb/mnist/ ("File formats for the MNIST database")
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from preprocessing.raw_streams import open_raw
from preprocessing.rejections import RejectedError
from preprocessing.stores import UnreadableError

_UNSIGNED_BYTE = 0x08
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class IdxHeader:
    """What the beginning of a file says.

    Attributes:
        shape: of the data, the number of items first.
    """

    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many items there are."""
        return self.shape[0]

    @property
    def item_bytes(self) -> int:
        """The bytes of an item."""
        size = 1
        for length in self.shape[1:]:
            size *= length
        return size


def read_header(stream: BinaryIO, *, dimensions: int) -> IdxHeader:
    """The header of a file of unsigned bytes.

    Raises:
        RejectedError: the file is no such file.
    """
    length = 4 + 4 * dimensions
    data = read_whole(stream, length)
    if len(data) < length:
        raise RejectedError("truncated" if data else "empty", f"{len(data)} bytes, the header has {length}")
    zero, kind, found = struct.unpack_from(">HBB", data)
    if zero or kind != _UNSIGNED_BYTE or found != dimensions:
        raise RejectedError(
            "corrupt",
            f"expected the magic number {_UNSIGNED_BYTE << 8 | dimensions:08x}, received {data[:4].hex()}",
        )
    return IdxHeader(shape=struct.unpack_from(f">{dimensions}I", data, 4))


@contextmanager
def open_idx(uri: str) -> Iterator[BinaryIO]:
    """A file as a stream, uncompressed where its name ends in `.gz`.

    Raises:
        RejectedError: it can't be read.
    """
    try:
        with open_raw(uri) as stream:
            yield stream
    except UnreadableError as error:
        raise RejectedError("unreadable", str(error)) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RejectedError("corrupt", str(error)) from error


def skip(stream: BinaryIO, size: int) -> None:
    """Pass over bytes; compressed ones have to be read for it."""
    while size and (piece := read_whole(stream, min(size, _BLOCK_BYTES))):
        size -= len(piece)


def read_whole(stream: BinaryIO, size: int) -> bytes:
    """As many bytes as asked for, or as many as there are, even of a compressed file that is cut."""
    read = getattr(stream, "read1", stream.read)
    found = bytearray()
    try:
        while len(found) < size and (piece := read(size - len(found))):
            found += piece
    except EOFError:  # a compressed file that is cut
        return bytes(found)
    return bytes(found)
