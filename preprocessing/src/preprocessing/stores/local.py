"""Folders, and buckets that are mounted as folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from contract.naming import SCHEME, mounted_path
from contract.raw_data import closes_loop, is_text
from preprocessing.errors import SourceError
from preprocessing.stores.base import Entry, UnreadableError

_UNREADABLE = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_BLOCK_BYTES = 1 << 20


class LocalStore:
    """Files of this machine; `gs://` URIs are looked up below the mount."""

    readers = 1

    def __init__(self) -> None:
        # Resolved once: this is on the path of every single image.
        self._mount = f"{mounted_path(SCHEME)}/"

    def _path(self, uri: str) -> str:
        return self._mount + uri.removeprefix(SCHEME) if uri.startswith(SCHEME) else uri

    def folders(self, uri: str) -> list[str]:
        """Return the names of the folders in a folder, links followed; none if there is no such folder.

        A link to a folder that holds it is none.
        """
        try:
            with os.scandir(self._path(uri)) as entries:
                # Not entry.is_dir(), which raises for a link to itself.
                return sorted(
                    entry.name
                    for entry in entries
                    if Path(entry.path).is_dir()
                    and not (entry.is_symlink() and _loop(entry.path, (os.path.realpath(self._path(uri)),)))
                )
        except (FileNotFoundError, NotADirectoryError):
            return []

    def files(self, uri: str, *, recursive: bool) -> Iterator[Entry]:
        """Yield the files in a folder; links are followed, but not to a folder that is being walked."""
        return self._walk(self._path(uri), "", (), recursive=recursive)

    def _walk(self, folder: str, prefix: str, chain: tuple[str, ...], *, recursive: bool) -> Iterator[Entry]:
        try:
            entries = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        with entries:
            for entry in entries:
                if not is_text(entry.name):
                    raise SourceError(f"expected file names in UTF-8, received {folder}/{entry.name!a}")
                if entry.is_dir(follow_symlinks=False):
                    if recursive:
                        yield from self._walk(entry.path, f"{prefix}{entry.name}/", chain, recursive=True)
                    continue
                if entry.is_symlink() and Path(entry.path).is_dir():
                    here = (*chain, os.path.realpath(folder))
                    if recursive and not _loop(entry.path, here):
                        here = (*here, os.path.realpath(entry.path))
                        yield from self._walk(entry.path, f"{prefix}{entry.name}/", here, recursive=True)
                    continue
                try:
                    status = entry.stat()
                except OSError:  # a link to nothing, or to itself
                    yield Entry(prefix + entry.name, None)
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield Entry(prefix + entry.name, status.st_size)

    def size(self, uri: str) -> int:
        """Return the size of a file in bytes."""
        try:
            return os.stat(self._path(uri)).st_size  # noqa: PTH116 - a Path per image costs more than the call
        except _UNREADABLE as error:
            raise UnreadableError(error.strerror) from error

    def read(self, uri: str, *, size: int | None = None) -> bytes:
        """Return a file's bytes.

        Raises:
            UnreadableError: there is no such file, or permission is denied.
            SourceError: the disk fails, which says nothing of the file.
        """
        try:
            descriptor = os.open(self._path(uri), os.O_RDONLY | os.O_CLOEXEC)
        except _UNREADABLE as error:
            raise UnreadableError(error.strerror) from error
        except OSError as error:
            raise SourceError(f"source {uri}: {error.strerror}") from error
        try:
            # One more byte than expected, so that a file that has grown shows.
            blocks = [os.read(descriptor, size + 1)] if size is not None else []
            if size is None or len(blocks[0]) != size:
                while not blocks or blocks[-1]:
                    blocks.append(os.read(descriptor, _BLOCK_BYTES))
        except IsADirectoryError as error:
            raise UnreadableError(error.strerror) from error
        except OSError as error:
            raise SourceError(f"source {uri}: {error.strerror}") from error
        finally:
            os.close(descriptor)
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def open(self, uri: str) -> BinaryIO:
        """Open a file as a stream."""
        try:
            return Path(self._path(uri)).open("rb")
        except _UNREADABLE as error:
            raise UnreadableError(error.strerror) from error

    def exists(self, uri: str) -> bool:
        """Return True if there is a file of this name."""
        return Path(self._path(uri)).is_file()

    def crc32c(self, uri: str) -> bytes:
        """Return the CRC32C of a file that exists."""
        checksum = google_crc32c.Checksum()
        with Path(self._path(uri)).open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                checksum.update(block)
        digest: bytes = checksum.digest()
        return digest

    def scratch_folder(self, uri: str) -> Path:
        """Return the file's own folder: only within a file system is a move atomic."""
        folder = Path(self._path(uri)).parent
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def create(self, path: Path, uri: str) -> bool:
        """Move a scratch file to a URI that nothing has yet."""
        target = Path(self._path(uri))
        # Not os.link, which is exclusive: Cloud Storage FUSE has no links. Two writers at the same instant
        # write the same bytes, since what a shard holds depends on the raw data alone.
        if target.exists():
            return False
        path.replace(target)
        return True

    def replace(self, path: Path, uri: str) -> None:
        """Move a scratch file to a URI."""
        path.replace(self._path(uri))

    def remove(self, uri: str) -> None:
        """Delete a file, if it is there."""
        Path(self._path(uri)).unlink(missing_ok=True)


def _loop(link: str, chain: tuple[str, ...]) -> bool:
    return closes_loop(os.path.realpath(link), chain)
