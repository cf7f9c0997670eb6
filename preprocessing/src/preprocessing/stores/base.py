"""The interface of a file store: a folder, or Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


class UnreadableError(Exception):
    """A single file is missing or may not be read; asking again will not help."""


@dataclass(frozen=True)
class Entry:
    """A file of a listing.

    Attributes:
        name: its path below the listed folder, with slashes.
        size: bytes; None if they can't be known (a broken link).
    """

    name: str
    size: int | None


class Store(Protocol):
    """Files by URI."""

    readers: int
    """Number of files that are best read at once."""

    def folders(self, uri: str) -> list[str]:
        """Return the names of the folders in a folder, sorted; none if there is no such folder."""

    def files(self, uri: str, *, recursive: bool) -> Iterator[Entry]:
        """Yield the files in a folder, and in those below it if `recursive`; none without such a folder."""

    def size(self, uri: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            UnreadableError: it can't be read.
        """

    def read(self, uri: str, *, size: int | None = None) -> bytes:
        """Return a file's bytes.

        Args:
            uri: the file.
            size: its bytes, if they are known from a listing: one system call less.

        Raises:
            UnreadableError: it can't be read.
        """

    def open(self, uri: str) -> BinaryIO:
        """Open a file as a stream that can seek, for data that is not held in memory.

        Raises:
            UnreadableError: it can't be read.
        """

    def exists(self, uri: str) -> bool:
        """Return True if there is a file of this name."""

    def crc32c(self, uri: str) -> bytes:
        """Return the CRC32C of a file that exists, 4 bytes, big-endian."""

    def scratch_folder(self, uri: str) -> Path:
        """Return the folder in which a file is written before it is moved to its URI; it exists."""

    def create(self, path: Path, uri: str) -> bool:
        """Move a scratch file to a URI that nothing has yet, all at once.

        Returns:
            False if something is there already; it and the scratch file are left alone.
        """

    def replace(self, path: Path, uri: str) -> None:
        """Move a scratch file to a URI, all at once, over any file that is there."""

    def remove(self, uri: str) -> None:
        """Delete a file, if it is there."""
