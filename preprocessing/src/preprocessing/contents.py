"""Reads the files of a shard and finds those with the same bytes."""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import google_crc32c

from preprocessing.raw_files import RawFile
from preprocessing.rejections import Rejected
from preprocessing.stores import Store, UnreadableError, read_all
from preprocessing.stores.reading import Read

_HELD_BYTES = 64 << 20
"""Contents of one size beyond this are read a second time instead of being kept in memory."""


@dataclass(frozen=True, slots=True)
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
    files: dict[tuple[bytes, bytes], list[RawFile]] = {}
    held: dict[tuple[bytes, bytes], bytes] = {}
    held_bytes = 0
    for file, data in reads:
        checked = _checked(file, data)
        if isinstance(checked, Rejected):
            yield checked
            continue
        identity = (_key(checked), hashlib.sha256(checked).digest())
        files.setdefault(identity, []).append(file)
        if identity not in held and held_bytes + len(checked) <= _HELD_BYTES:
            held[identity] = checked
            held_bytes += len(checked)
    for identity, same in sorted(files.items(), key=lambda item: item[0]):
        content = held.pop(identity, None)
        if content is None:
            content = store.read(same[0].uri)
        yield Content(identity[0], tuple(same), content)


def _checked(file: RawFile, data: bytes | UnreadableError) -> bytes | Rejected:
    if isinstance(data, UnreadableError):
        return Rejected(file.uri, "unreadable", str(data))
    # Its shard was chosen by the listed size: with another one, a duplicate of it may be elsewhere.
    if len(data) != file.size:
        return Rejected(file.uri, "unreadable", f"{file.size} bytes when listed, {len(data)} when read")
    return data


def _key(data: bytes) -> bytes:
    return struct.pack(">QI", len(data), google_crc32c.value(data))
