"""Reads the files of a shard and finds those with the same bytes."""

from __future__ import annotations

import itertools
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import google_crc32c

from preprocessing.images.raw_files import RawFile
from preprocessing.images.reading import Read, read_all
from preprocessing.rejections import Rejected
from preprocessing.stores import Store, UnreadableError

_HELD_BYTES = 64 << 20
"""Contents of one size beyond this are read a second time instead of being kept in memory."""


@dataclass(frozen=True)
class Content:
    """Bytes that one or more files have.

    Attributes:
        key: what the split hashes: size and CRC32C of the bytes, so it depends on no name.
        files: all files with these bytes, by name.
        data: the bytes.
    """

    key: bytes
    files: tuple[RawFile, ...]
    data: bytes


def distinct_contents(files: Sequence[RawFile], store: Store) -> Iterator[Content | Rejected]:
    """The contents of a shard's files, each once, in an order that depends on the bytes alone.

    Args:
        files: in record order (`shards.in_record_order`).
        store: reads them.

    Yields:
        A content, or a file that can't be read.
    """
    of_size = Counter(file.size for file in files)
    for size, reads in itertools.groupby(read_all(store, files), key=lambda read: read[0].size):
        if of_size[size] == 1:
            yield _only_content(*next(reads))
        else:
            yield from _contents_of_size(reads, store)


def _only_content(file: RawFile, data: bytes | UnreadableError) -> Content | Rejected:
    checked = _checked(file, data)
    return checked if isinstance(checked, Rejected) else Content(_key(checked), (file,), checked)


def _contents_of_size(reads: Iterable[Read], store: Store) -> Iterator[Content | Rejected]:
    by_key: dict[bytes, list[_SameBytes]] = defaultdict(list)
    held_bytes = 0
    for file, data in reads:
        checked = _checked(file, data)
        if isinstance(checked, Rejected):
            yield checked
            continue
        alike = by_key[_key(checked)]
        same = next((same for same in alike if same.read(store) == checked), None)
        if same is not None:
            same.files.append(file)
            continue
        held = held_bytes + len(checked) <= _HELD_BYTES
        held_bytes += len(checked) if held else 0
        alike.append(_SameBytes([file], checked if held else None))
    for key in sorted(by_key):
        for same in by_key[key]:
            yield Content(key, tuple(same.files), same.read(store))


@dataclass(frozen=True)
class _SameBytes:
    """Files with the same bytes, and the bytes as long as there is room for them."""

    files: list[RawFile]
    held: bytes | None

    def read(self, store: Store) -> bytes:
        return store.read(self.files[0].uri) if self.held is None else self.held


def _checked(file: RawFile, data: bytes | UnreadableError) -> bytes | Rejected:
    if isinstance(data, UnreadableError):
        return Rejected(file.uri, "unreadable", str(data))
    # Its shard was chosen by the listed size: with another one, a duplicate of it may be elsewhere.
    if len(data) != file.size:
        return Rejected(file.uri, "unreadable", f"{file.size} bytes when listed, {len(data)} when read")
    return data


def _key(data: bytes) -> bytes:
    return struct.pack(">QI", len(data), google_crc32c.value(data))
