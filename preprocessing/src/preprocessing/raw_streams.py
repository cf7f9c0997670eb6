"""Raw files as streams of what they hold, whether they are compressed or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from google.api_core.exceptions import GoogleAPICallError

from preprocessing.errors import SourceError
from preprocessing.stores import UnreadableError, open_store

_READ_ERRORS = (EOFError, OSError, zlib.error, GoogleAPICallError)
"""Errors of a read: the file is cut, or damaged, or the disk or the service fails."""


class RawStream:
    """A raw file of many records: one that can't be read to its end ends the conversion.

    To go on without the rest would lose an unknown number of records, and count them as one.

    Attributes:
        uri: the file.
    """

    def __init__(self, uri: str, stream: BinaryIO) -> None:
        self.uri = uri
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end.

        Raises:
            SourceError: the file is cut or damaged, or reading fails.
        """
        try:
            return self._stream.read(size)
        except _READ_ERRORS as error:
            raise self.error(_reason(error)) from error

    def seek(self, offset: int) -> None:
        """Go on reading at an offset, bytes from the beginning."""
        self._stream.seek(offset)

    def error(self, reason: str) -> SourceError:
        """Return the error that names the file and why it can't be used."""
        return SourceError(f"source {self.uri}: {reason}")


def is_compressed(uri: str) -> bool:
    """Whether a file's name says that it is compressed with gzip: it can only be read from its beginning."""
    return uri.lower().endswith(".gz")


@contextmanager
def open_raw(uri: str) -> Iterator[RawStream]:
    """A raw file as a stream, uncompressed where its name ends in `.gz`.

    Raises:
        SourceError: it can't be opened.
    """
    try:
        stored = open_store(uri).open(uri)
    except (UnreadableError, *_READ_ERRORS) as error:
        raise SourceError(f"source {uri}: {_reason(error)}") from error
    with stored:
        if not is_compressed(uri):
            yield RawStream(uri, stored)
            return
        with gzip.GzipFile(fileobj=stored) as stream:
            yield RawStream(uri, cast(BinaryIO, stream))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
