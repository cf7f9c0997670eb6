"""Names the content of a folder: the same names and bytes always give the same id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, order=True)
class RawObject:
    """One raw file or object.

    Attributes:
        name: its path within the source, with slashes.
        size: bytes.
        crc32c: its checksum as Cloud Storage writes it, base64.
    """

    name: str
    size: int
    crc32c: str


def snapshot_id(objects: Iterable[RawObject]) -> str:
    """16 hexadecimal digits: a hash of (name, size, crc32c) of every object, in whatever order they come."""
    digest = hashlib.sha256()
    for item in sorted(objects):
        digest.update(f"{item.name}\0{item.size}\0{item.crc32c}\n".encode())
    return digest.hexdigest()[:16]
