"""The framing of a TFRecord file: length, masked CRC of it, the record, masked CRC of it.

https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import google_crc32c

_MASK_DELTA = 0xA282EAD8
FRAME_BYTES = 16
"""What the framing adds to a record."""


def masked_crc32c(data: bytes) -> int:
    """The CRC32C, rotated and shifted so that CRCs of data that holds CRCs stay sound."""
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def write_record(file: BinaryIO, record: bytes) -> int:
    """Append one record.

    Returns:
        How many bytes the file has grown by.
    """
    length = struct.pack("<Q", len(record))
    file.write(length + struct.pack("<I", masked_crc32c(length)))
    file.write(record)
    file.write(struct.pack("<I", masked_crc32c(record)))
    return len(record) + FRAME_BYTES
