"""Reads many files in a given order, as many at once as their store likes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from preprocessing.images.raw_files import RawFile
from preprocessing.stores import Store, UnreadableError

_BYTES_AHEAD = 64 << 20
"""How many bytes may be read before they are asked for."""

Read = tuple[RawFile, bytes | UnreadableError]


def read_all(store: Store, files: Iterable[RawFile]) -> Iterator[Read]:
    """Each file with its bytes, or with the reason why it can't be read, in the order of `files`."""
    if store.readers == 1:
        return ((file, _read(store, file)) for file in files)
    return _read_ahead(store, files)


def _read(store: Store, file: RawFile) -> bytes | UnreadableError:
    try:
        return store.read(file.uri, size=file.size)
    except UnreadableError as error:
        return error


def _read_ahead(store: Store, files: Iterable[RawFile]) -> Iterator[Read]:
    pending: deque[tuple[RawFile, Future[bytes | UnreadableError]]] = deque()
    bytes_ahead = 0
    with ThreadPoolExecutor(store.readers, thread_name_prefix="read") as pool:
        for file in files:
            while pending and (len(pending) >= 2 * store.readers or bytes_ahead + file.size > _BYTES_AHEAD):
                done, future = pending.popleft()
                bytes_ahead -= done.size
                yield done, future.result()
            pending.append((file, pool.submit(_read, store, file)))
            bytes_ahead += file.size
        for done, future in pending:
            yield done, future.result()
