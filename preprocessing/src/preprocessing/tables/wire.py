"""The bytes of a tf.Example, put together from the bytes of its features.

Rows share most of their values, and protocol buffers are made to be concatenated: a map is a repeated
entry. So each distinct value is encoded once, and a row is a join. With the entries in the order of their
names' bytes, the result is what a deterministic serialization of the message gives.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import functools
import struct

_NAME = _ENTRY = _VALUES = _FEATURES = b"\x0a"  # field 1, length-delimited
_FEATURE = b"\x12"  # field 2, length-delimited
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"

_pack_float = struct.Struct("<f").pack


def bytes_entry(name: str, value: bytes) -> bytes:
    """The entry of a feature that holds one string."""
    return _entry(name, _BYTES_LIST, _delimited(_VALUES, value))


def float_entry(name: str, value: float) -> bytes:
    """The entry of a feature that holds one float32.

    Raises:
        OverflowError: the value is beyond the range of float32.
    """
    return _float_prefix(name) + _pack_float(value)


def int64_entry(name: str, value: int) -> bytes:
    """The entry of a feature that holds one int64."""
    return _entry(name, _INT64_LIST, _delimited(_VALUES, varint(value & 0xFFFFFFFFFFFFFFFF)))


@functools.lru_cache(maxsize=4096)
def example_prefix(entries_length: int) -> bytes:
    """What stands before the joined entries of an Example, given their length in bytes."""
    return _FEATURES + varint(entries_length)


def varint(value: int) -> bytes:
    """An integer, 7 bits a byte, the lowest first."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


@functools.cache
def _float_prefix(name: str) -> bytes:
    return _entry(name, _FLOAT_LIST, _delimited(_VALUES, _pack_float(0)))[:-4]


def _entry(name: str, kind: bytes, values: bytes) -> bytes:
    feature = _delimited(_FEATURE, _delimited(kind, values))
    return _delimited(_ENTRY, _delimited(_NAME, name.encode()) + feature)


def _delimited(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content
