"""MD5 and CRC32C, as Cloud Storage keeps them for every object."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import BinaryIO

import google_crc32c

from emulator.storage.errors import ChecksumMismatch

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Digests:
    """Checksums of some content, base64.

    Attributes:
        crc32c: big-endian; `None` where nothing was announced.
        md5: `None` where nothing was announced, and for composed objects.
    """

    crc32c: str | None = None
    md5: str | None = None

    def check(self, calculated: Digests) -> None:
        """Compare what was announced with what arrived.

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
        """These, completed by others."""
        return Digests(crc32c=self.crc32c or other.crc32c, md5=self.md5 or other.md5)


class Checksums:
    """Running checksums of content that arrives in pieces.

    Attributes:
        size: bytes so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c = google_crc32c.Checksum()

    def update(self, data: bytes) -> None:
        """Take the next piece."""
        self.size += len(data)
        self._md5.update(data)
        self._crc32c.update(data)

    def digests(self) -> Digests:
        """The checksums of all pieces so far."""
        return Digests(crc32c=_text(self._crc32c.digest()), md5=_text(self._md5.digest()))

    @classmethod
    def of(cls, file: BinaryIO) -> Checksums:
        """The checksums of the rest of a file."""
        checksums = cls()
        while block := file.read(BLOCK_BYTES):
            checksums.update(block)
        return checksums


def _text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
