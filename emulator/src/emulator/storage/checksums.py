"""MD5 and CRC32C, as Cloud Storage keeps them for every object, of content on its way to a file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

import google_crc32c
from starlette.concurrency import run_in_threadpool

from emulator.storage.errors import ChecksumMismatch

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Digests:
    """Checksums of content, base64.

    Attributes:
        crc32c: big-endian; `None` where nothing was announced.
        md5: `None` where nothing was announced, and for composed objects.
    """

    crc32c: str | None = None
    md5: str | None = None

    def check(self, calculated: Digests) -> None:
        """Compare announced checksums with the calculated ones.

        Raises:
            ChecksumMismatch: they differ.
        """
        for algorithm, provided, found in (
            ("CRC32C", self.crc32c, calculated.crc32c),
            ("MD5 hash", self.md5, calculated.md5),
        ):
            if provided and found and provided != found:
                raise ChecksumMismatch(algorithm, provided=provided, calculated=found)

    def merged(self, other: Digests) -> Digests:
        """Return these checksums, completed by others."""
        return Digests(crc32c=self.crc32c or other.crc32c, md5=self.md5 or other.md5)


class Checksums:
    """Running checksums of content that arrives in chunks.

    Attributes:
        size: bytes so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = google_crc32c.Checksum()

    def update(self, data: bytes) -> None:
        """Add the next chunk."""
        self.size += len(data)
        self._md5.update(data)
        self._crc32c.update(data)

    def digests(self) -> Digests:
        """Return the checksums of all chunks so far."""
        return Digests(crc32c=_text(self._crc32c.digest()), md5=_text(self._md5.digest()))

    @classmethod
    def of(cls, file: BinaryIO) -> Checksums:
        """Return the checksums of the rest of a file."""
        checksums = cls()
        while block := file.read(BLOCK_BYTES):
            checksums.update(block)
        return checksums


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


class Spool:
    """Buffered appends to a file, outside the event loop; never holds more than two blocks.

    Args:
        path: the file; made by the first flush if it isn't there.
        checksums: those of the file's content so far.
        check: called before the first block is written; raises if the content isn't wanted.
    """

    def __init__(self, path: Path, checksums: Checksums, *, check: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._file: RawIOBase | None = None
        self._check = check
        self._checksums = checksums
        self._waiting = bytearray()

    async def write(self, data: bytes) -> None:
        """Append data."""
        self._waiting += data
        if len(self._waiting) >= BLOCK_BYTES:
            await run_in_threadpool(self.flush)

    def flush(self) -> None:
        """Write buffered data; the file is there then, even without any."""
        block, self._waiting = bytes(self._waiting), bytearray()
        if self._file is None:
            self._check()
            self._file = self._path.open("ab", buffering=0)
        written = 0
        while written < len(block):
            written += self._file.write(block[written:]) or 0
        self._checksums.update(block)

    def close(self) -> None:
        """Close the file, without what is buffered."""
        if self._file is not None:
            self._file.close()
