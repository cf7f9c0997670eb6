"""The bytes of a tf.Example, put together from the bytes of its features.

Rows share most of their values, and protocol buffers are made to be concatenated: a map is a repeated
entry. So each distinct value is encoded once, and a row is a join. With the entries in the order that
`wire_order` gives, the result is what a deterministic serialization of the message gives.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence

from preprocessing.example_proto import Example

_NAME = _ENTRY = _VALUES = _FEATURES = b"\x0a"  # field 1, length-delimited
_FEATURE = b"\x12"  # field 2, length-delimited
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"

_pack_float = struct.Struct("<f").pack


def bytes_entry(name: str, value: bytes) -> bytes:
    """The entry of a feature that holds one string."""
    return _bytes_prefix(name, len(value)) + value


def float_entry(name: str, value: float) -> bytes:
    """The entry of a feature that holds one float32.

    Raises:
        OverflowError: the value is beyond the range of float32.
    """
    return float_prefix(name) + _pack_float(value)


def int64_entry(name: str, value: int) -> bytes:
    """The entry of a feature that holds one int64."""
    return _entry(name, _INT64_LIST, _delimited(_VALUES, varint(value & 0xFFFFFFFFFFFFFFFF)))


@functools.lru_cache(maxsize=4096)
def example_prefix(entries_length: int) -> bytes:
    """What stands before the joined entries of an Example, given their length in bytes."""
    return _FEATURES + varint(entries_length)


def wire_order(names: Sequence[str]) -> list[int]:
    """The indices of feature names in the order of a deterministic serialization.

    Asked of the library, whose order of two names is not that of their bytes where one begins with the other.
    """
    features = Example().features
    for name in names:
        features.feature[name].SetInParent()
    serialized: bytes = features.SerializeToString(deterministic=True)
    empty = [_delimited(_ENTRY, _delimited(_NAME, name.encode()) + _FEATURE + b"\0") for name in names]
    return sorted(range(len(names)), key=lambda index: serialized.index(empty[index]))


def varint(value: int) -> bytes:
    """An integer, 7 bits a byte, the lowest first."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


@functools.lru_cache(maxsize=4096)
def float_prefix(name: str) -> bytes:
    """What stands before the four bytes of a float32, little-endian, in the entry of a feature."""
    return _entry(name, _FLOAT_LIST, _delimited(_VALUES, _pack_float(0)))[:-4]


@functools.lru_cache(maxsize=4096)
def _bytes_prefix(name: str, length: int) -> bytes:
    return _entry(name, _BYTES_LIST, _delimited(_VALUES, bytes(length)))[: -length or None]


def _entry(name: str, kind: bytes, values: bytes) -> bytes:
    feature = _delimited(_FEATURE, _delimited(kind, values))
    return _delimited(_ENTRY, _delimited(_NAME, name.encode()) + feature)


def _delimited(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content
