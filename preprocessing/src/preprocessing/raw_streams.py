"""Raw files as streams of what they hold, whether they are compressed or not."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from preprocessing.stores import open_store


def is_compressed(uri: str) -> bool:
    """Whether a file's name says that it is compressed with gzip: it can only be read from its beginning."""
    return uri.lower().endswith(".gz")


@contextmanager
def open_raw(uri: str) -> Iterator[BinaryIO]:
    """A raw file as a stream, uncompressed where its name ends in `.gz`.

    A compressed file that is cut or damaged raises the errors of `gzip` when the stream is read.

    Raises:
        UnreadableError: it can't be read.
    """
    with open_store(uri).open(uri) as stored:
        if not is_compressed(uri):
            yield stored
            return
        with gzip.GzipFile(fileobj=stored) as stream:
            yield cast(BinaryIO, stream)
