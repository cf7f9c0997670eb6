"""The framing of a TFRecord file: length, masked CRC of it, the record, masked CRC of it.

https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Sequence

import google_crc32c

_MASK_DELTA = 0xA282EAD8
FRAME_BYTES = 16
"""What the framing adds to a record."""

_pack_crc = struct.Struct("<I").pack


def masked_crc32c(data: bytes) -> int:
    """The CRC32C, rotated and shifted so that CRCs of data that holds CRCs stay sound."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def framed(records: Sequence[bytes]) -> Iterator[bytes]:
    """The bytes of records in a file, in parts, so that nothing is copied."""
    for record in records:
        yield _header(len(record))
        yield record
        yield _pack_crc(masked_crc32c(record))


@functools.lru_cache(maxsize=4096)
def _header(length: int) -> bytes:
    """The length and its CRC; the rows of a table have few lengths."""
    packed = struct.pack("<Q", length)
    return packed + _pack_crc(masked_crc32c(packed))
