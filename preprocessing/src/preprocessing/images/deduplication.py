"""Deduplication of a shard's images by their bytes, which are prefetched as fast as the store gives them."""

from __future__ import annotations

import itertools
import struct
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import google_crc32c

from contract.artifacts import RejectedRecord
from preprocessing.images import RawImage
from preprocessing.stores import Store, UnreadableError

_HELD_BYTES = 64 << 20
"""Limit of distinct images of one size that are kept in memory; those beyond it are read a second time."""

_PREFETCH_BYTES = 64 << 20

Read = tuple[RawImage, bytes | UnreadableError]


@dataclass(frozen=True)
class DistinctImage:
    """Bytes that one or more files have.

    Attributes:
        key: size and CRC32C of the bytes, which the split hashes; so it depends on no name.
        files: all files with these bytes, by name.
        data: the bytes.
    """

    key: bytes
    files: tuple[RawImage, ...]
    data: bytes


def deduplicate(files: Sequence[RawImage], store: Store) -> Iterator[DistinctImage | RejectedRecord]:
    """Yield the distinct images of a shard's files, in an order that depends on the bytes alone.

    A file that can't be read is yielded as a rejected record.

    Args:
        files: in record order (`in_record_order`).
        store: reads them.
    """
    of_size = Counter(file.size for file in files)
    for size, reads in itertools.groupby(prefetch(store, files), key=lambda read: read[0].size):
        if of_size[size] == 1:
            yield _only_image(*next(reads))
        else:
            yield from _images_of_size(reads, store)


def _only_image(file: RawImage, data: bytes | UnreadableError) -> DistinctImage | RejectedRecord:
    checked = _checked(file, data)
    if isinstance(checked, RejectedRecord):
        return checked
    return DistinctImage(_key(checked), (file,), checked)


def _images_of_size(reads: Iterable[Read], store: Store) -> Iterator[DistinctImage | RejectedRecord]:
    by_key: dict[bytes, list[_SameBytes]] = defaultdict(list)
    held_bytes = 0
    for file, data in reads:
        checked = _checked(file, data)
        if isinstance(checked, RejectedRecord):
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
            yield DistinctImage(key, tuple(same.files), same.read(store))


@dataclass(frozen=True)
class _SameBytes:
    """Files with the same bytes, and the bytes as long as there is room for them."""

    files: list[RawImage]
    held: bytes | None

    def read(self, store: Store) -> bytes:
        return store.read(self.files[0].uri) if self.held is None else self.held


def _checked(file: RawImage, data: bytes | UnreadableError) -> bytes | RejectedRecord:
    if isinstance(data, UnreadableError):
        return RejectedRecord(file.uri, "unreadable", str(data))
    # Its shard was chosen by the listed size: with another one, a duplicate of it may be elsewhere.
    if len(data) != file.size:
        return RejectedRecord(file.uri, "unreadable", f"{file.size} bytes when listed, {len(data)} when read")
    return data


def _key(data: bytes) -> bytes:
    return struct.pack(">QI", len(data), google_crc32c.value(data))


def prefetch(store: Store, files: Iterable[RawImage]) -> Iterator[Read]:
    """Yield each file with its bytes, or with the error if it can't be read, in the order of `files`."""
    if store.readers == 1:
        return ((file, _read(store, file)) for file in files)
    return _read_ahead(store, files)


def _read(store: Store, file: RawImage) -> bytes | UnreadableError:
    try:
        return store.read(file.uri, size=file.size)
    except UnreadableError as error:
        return error


def _read_ahead(store: Store, files: Iterable[RawImage]) -> Iterator[Read]:
    pending: deque[tuple[RawImage, Future[bytes | UnreadableError]]] = deque()
    bytes_ahead = 0
    with ThreadPoolExecutor(store.readers, thread_name_prefix="read") as pool:
        for file in files:
            while pending and (
                len(pending) >= 2 * store.readers or bytes_ahead + file.size > _PREFETCH_BYTES
            ):
                done, future = pending.popleft()
                bytes_ahead -= done.size
                yield done, future.result()
            pending.append((file, pool.submit(_read, store, file)))
            bytes_ahead += file.size
        for done, future in pending:
            yield done, future.result()
