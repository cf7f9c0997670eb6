"""Raw data of any format: its files as streams, and its division into partitions, batches and chunks."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeVar, cast

import requests
from google.api_core.exceptions import GoogleAPICallError, ServerError, TooManyRequests

from contract.artifacts import RejectedRecord
from contract.raw_data import IgnoredFile
from preprocessing.errors import ConversionError, SourceError, StorageError
from preprocessing.stores import UnreadableError, open_store

BATCH_CHUNKS = 1000
"""Number of chunks that travel together."""

BROKEN_LINK = "link to a file that does not exist"
"""Reason why a file can't be read whose size a listing doesn't know."""

# The file is cut or damaged, or the disk or the service fails.
_READ_ERRORS = (EOFError, OSError, zlib.error, GoogleAPICallError)
_OUTAGES = (ConnectionError, TimeoutError, requests.RequestException, ServerError, TooManyRequests)

T = TypeVar("T")


class Chunk(Protocol):
    """Raw data that one call reads: an image, a byte range of a CSV file, some images of an IDX file."""

    @property
    def uri(self) -> str:
        """URI of its file."""

    @property
    def name(self) -> str:
        """Path of its file in the source."""

    @property
    def size(self) -> int:
        """Bytes in storage."""

    def shard_of(self, num_shards: int) -> int:
        """Return the index of its shard; a function of the chunk and the whole source alone."""


@dataclass(frozen=True, kw_only=True)
class FileBatch:
    """A batch of a source's listing. Elements are batches because every element of a pipeline has a price.

    Attributes:
        chunks: data to convert.
        rejected: records that can't even be listed.
        ignored: files that are no raw data: hidden ones, documents, images outside the label folders.
    """

    chunks: tuple[Chunk, ...] = ()
    rejected: tuple[RejectedRecord, ...] = ()
    ignored: tuple[IgnoredFile, ...] = ()


class SourcePartition(Protocol):
    """A share of a source that one worker lists."""

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield its chunks with their sizes, in batches.

        Raises:
            SourceError: a file of many records can't be read, or contradicts the contract as a whole.
        """


@dataclass(frozen=True)
class NonDataFiles:
    """The partition of the files that hold no raw data.

    Attributes:
        batch: records rejected and files ignored while the other partitions were made.
    """

    batch: FileBatch

    def list_batches(self) -> Iterator[FileBatch]:
        """Yield the only batch."""
        yield self.batch


class Source(Protocol):
    """Raw data at one place."""

    @property
    def uri(self) -> str:
        """URI of a file or folder."""

    def partitions(self) -> Iterator[SourcePartition]:
        """Yield shares that can be listed in parallel.

        Raises:
            SourceError: the source does not exist, or holds nothing.
        """


class RawStream:
    """A raw file of many records: one that can't be read to its end ends the conversion.

    To go on without the rest would lose an unknown number of records, and count them as one.

    Attributes:
        uri: URI of the file.
    """

    def __init__(self, uri: str, stream: BinaryIO) -> None:
        self.uri = uri
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end.

        Raises:
            SourceError: the file is truncated or damaged.
            StorageError: the service is away.
        """
        try:
            return self._stream.read(size)
        except _READ_ERRORS as error:
            raise _read_error(self.uri, error) from error

    def seek(self, offset: int) -> None:
        """Move to an offset in bytes."""
        self._stream.seek(offset)

    def error(self, reason: str) -> SourceError:
        """Return the error that names the file and the reason."""
        return SourceError(f"source {self.uri}: {reason}")


@contextmanager
def open_raw(uri: str) -> Iterator[RawStream]:
    """Open a raw file as a stream, uncompressed where its name ends in `.gz`.

    Raises:
        SourceError: it can't be opened.
        StorageError: the service is away.
    """
    try:
        stored = open_store(uri).open(uri)
    except (UnreadableError, *_READ_ERRORS) as error:
        raise _read_error(uri, error) from error
    with stored:
        if not is_compressed(uri):
            yield RawStream(uri, stored)
            return
        with gzip.GzipFile(fileobj=stored) as stream:
            yield RawStream(uri, cast(BinaryIO, stream))


def _read_error(uri: str, error: Exception) -> ConversionError:
    if isinstance(error, gzip.BadGzipFile):
        return SourceError(f"source {uri}: expected gzip data, as its name says, received other: {error}")
    kind = StorageError if isinstance(error, _OUTAGES) else SourceError
    return kind(f"source {uri}: {getattr(error, 'strerror', None) or error}")


def is_compressed(uri: str) -> bool:
    """Return True if a file's name says gzip: such a file can only be read from its beginning."""
    return uri.lower().endswith(".gz")


def in_batches(items: Iterable[T], size: int = BATCH_CHUNKS) -> Iterator[tuple[T, ...]]:
    """Yield the items in order, `size` at a time."""
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def source_position(bytes_before: int, total_bytes: int) -> int:
    """Return the position of a chunk in its source, as 32 bits of a fraction."""
    return (bytes_before << 32) // max(1, total_bytes)


def shard_at(position: int, num_shards: int) -> int:
    """Return the shard at a position, when shards divide a source evenly and in order."""
    return position * num_shards >> 32
