"""CSV files to records, one for each row: the files, and byte ranges of whole rows in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from preprocessing.sources import is_compressed, shard_at


@dataclass(frozen=True, kw_only=True)
class TableFile:
    """A CSV file.

    Attributes:
        uri: URI of the file.
        name: path in the source.
        columns: names of its columns, in order.
        has_header: whether its first row names them.
    """

    uri: str
    name: str
    columns: tuple[str, ...]
    has_header: bool

    @property
    def is_compressed(self) -> bool:
        """True if it has to be read from its beginning."""
        return is_compressed(self.uri)


@dataclass(frozen=True, kw_only=True)
class ByteRange:
    """Whole rows of a file.

    Attributes:
        file: the file.
        offset: offset of the first byte.
        size: bytes.
        line: number of the first line, from 1.
        position: position in the source (`source_position`).
    """

    file: TableFile
    offset: int
    size: int
    line: int
    position: int

    @property
    def uri(self) -> str:
        """URI of the file."""
        return self.file.uri

    @property
    def name(self) -> str:
        """Path of the file in the source."""
        return self.file.name

    def shard_of(self, num_shards: int) -> int:
        """Return the index of its shard: shards divide the source in the order of names and offsets."""
        return shard_at(self.position, num_shards)


def joined_ranges(ranges: Iterable[ByteRange]) -> list[ByteRange]:
    """Join ranges, ordered by file and offset, that follow one another: fewer, larger reads."""
    found: list[ByteRange] = []
    for item in ranges:
        before = found[-1] if found else None
        if before is not None and before.file == item.file and before.offset + before.size == item.offset:
            found[-1] = replace(before, size=before.size + item.size)
        else:
            found.append(item)
    return found
