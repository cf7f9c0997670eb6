"""The IDX files of MNIST: big-endian sizes, then bytes.

https://web.archive.org/web/2023/http://yann.lecun.com/exdb/mnist/ ("File formats for the MNIST database")
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from preprocessing.raw_streams import RawStream

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


def read_header(stream: RawStream, *, dimensions: int) -> IdxHeader:
    """The header of a file of unsigned bytes.

    Raises:
        SourceError: the file is no such file, or can't be read.
    """
    data = read_whole(stream, 4 + 4 * dimensions, what="a header")
    zero, kind, found = struct.unpack_from(">HBB", data)
    if zero or kind != _UNSIGNED_BYTE or found != dimensions:
        raise stream.error(
            f"expected the magic number {_UNSIGNED_BYTE << 8 | dimensions:08x}, received {data[:4].hex()}"
        )
    return IdxHeader(shape=struct.unpack_from(f">{dimensions}I", data, 4))


def skip(stream: RawStream, size: int) -> None:
    """Pass over bytes; compressed ones have to be read for it.

    Raises:
        SourceError: the file ends before, or can't be read.
    """
    while size:
        size -= len(read_whole(stream, min(size, _BLOCK_BYTES), what="the images before it"))


def read_whole(stream: RawStream, size: int, *, what: str) -> bytes:
    """As many bytes as asked for.

    Raises:
        SourceError: the file ends before, or can't be read.
    """
    data = stream.read(size)
    while len(data) < size:
        piece = stream.read(size - len(data))
        if not piece:
            raise stream.error(
                f"expected {size} bytes of {what}, received {len(data)}: the file is truncated"
            )
        data += piece
    return data


def read_to_end(stream: RawStream) -> None:
    """Read what is left, since gzip compares its checksum at the end.

    Raises:
        SourceError: the file can't be read to its end.
    """
    while stream.read(_BLOCK_BYTES):
        pass
