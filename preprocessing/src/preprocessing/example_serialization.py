"""Values to serialized tf.Examples, as the features of a contract say, without importing TensorFlow.

Importing TensorFlow costs each worker seconds and hundreds of MB for the sake of three small messages.
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/example.proto
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/feature.proto

Records share most of their values, and protocol buffers can be concatenated, since a map is a repeated
entry: so each distinct value is encoded once (`bytes_entry`, `float_entry`, `int64_entry`), and a record is a
join of entries in the order of `serialization_order`. https://protobuf.dev/programming-guides/encoding/
Of the rows of a table, thousands are joined at once, in Arrow's arrays (`joined`).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from contract import ContractError, DataContract, FeatureSpec

Value = bytes | str | int | float
"""A value of a record; text for a feature that has a vocabulary becomes the index in it."""

_LISTS = {
    "BytesList": FieldDescriptorProto.TYPE_BYTES,
    "FloatList": FieldDescriptorProto.TYPE_FLOAT,
    "Int64List": FieldDescriptorProto.TYPE_INT64,
}

_NAME = _ENTRY = _VALUES = _FEATURES = b"\x0a"  # field 1, length-delimited
_FEATURE = b"\x12"  # field 2, length-delimited
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = b"\x0a", b"\x12", b"\x1a"

_KEPT_VALUES = 10_000

_pack_float = struct.Struct("<f").pack


def _add_field(
    message: DescriptorProto,
    name: str,
    number: int,
    type_: Any,
    *,
    type_name: str = "",
    repeated: bool = False,
) -> FieldDescriptorProto:
    label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, type=type_, label=label)
    if type_name:
        field.type_name = f".tensorflow.{type_name}"
    return field


def _example_class() -> Any:
    file = FileDescriptorProto(name="preprocessing/example.proto", package="tensorflow", syntax="proto3")
    for name, type_ in _LISTS.items():
        _add_field(file.message_type.add(name=name), "value", 1, type_, repeated=True)

    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, list_name) in enumerate(
        [("bytes_list", "BytesList"), ("float_list", "FloatList"), ("int64_list", "Int64List")], start=1
    ):
        _add_field(
            feature, name, number, FieldDescriptorProto.TYPE_MESSAGE, type_name=list_name
        ).oneof_index = 0

    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    _add_field(entry, "key", 1, FieldDescriptorProto.TYPE_STRING)
    _add_field(entry, "value", 2, FieldDescriptorProto.TYPE_MESSAGE, type_name="Feature")
    map_field = _add_field(
        features, "feature", 1, FieldDescriptorProto.TYPE_MESSAGE, type_name="Features.FeatureEntry"
    )
    map_field.label = FieldDescriptorProto.LABEL_REPEATED

    example = file.message_type.add(name="Example")
    _add_field(example, "features", 1, FieldDescriptorProto.TYPE_MESSAGE, type_name="Features")

    # A pool of its own: TensorFlow may register the same names in the default one.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


Example: Any = _example_class()
"""The tf.Example message; on the wire the same as `tf.train.Example`."""


def check_features(contract: DataContract, *, names: Collection[str]) -> None:
    """Refuse a contract that labelled raw data of some format can't fulfil.

    Args:
        contract: the features of the records.
        names: the features, apart from the label, that the raw data has a value for.

    Raises:
        ContractError: it has another feature without a default, or its label has no vocabulary.
    """
    if not contract.label.vocabulary:
        raise ContractError(f"features[{contract.label.name}].vocabulary", expected="labels", received=())
    for feature in contract.features:
        if feature.role != "label" and feature.default is None and feature.name not in names:
            raise ContractError("features", expected=f"one of {list(names)}", received=feature.name)


class ExampleEncoder:
    """Serializes records; the trainer's parser is derived from the same features."""

    def __init__(self, features: tuple[FeatureSpec, ...]) -> None:
        ordered = (features[index] for index in serialization_order([feature.name for feature in features]))
        self._columns = [_ValueEncoder(feature) for feature in ordered]

    def encode(self, values: Mapping[str, Value]) -> bytes:
        """Serialize a record as a tf.Example: the same values always give the same bytes.

        Args:
            values: by feature name. A name of no feature is left out; a missing value becomes the default.

        Raises:
            ContractError: a value is missing without a default, of another type or not in the vocabulary.
        """
        parts = [b""]
        for column in self._columns:
            value = values.get(column.name, column.default)
            if isinstance(value, bytes) and column.is_text:  # large, and so copied only once
                parts += (bytes_prefix(column.name, len(value)), value)
            else:
                parts.append(column[value])
        parts[0] = example_prefix(sum(map(len, parts)))
        return b"".join(parts)


class _ValueEncoder(dict[Any, bytes]):
    """A cache of a feature's entries by value, which fills itself."""

    def __init__(self, feature: FeatureSpec) -> None:
        super().__init__()
        self.name, self.default = feature.name, feature.default
        self.is_text = feature.dtype == "string"
        self._feature = feature
        self._indices = {
            value: index for index, value in enumerate(feature.vocabulary, start=feature.first_index)
        }

    def __missing__(self, value: Any) -> bytes:
        if len(self) > _KEPT_VALUES:
            self.clear()
        self[value] = entry = self._encode(value)
        return entry

    def _encode(self, value: Any) -> bytes:
        name, feature = self.name, self._feature
        if value is None:
            raise ContractError(f"features[{name}]", expected="a value", received=None)
        if feature.dtype == "string" and isinstance(value, str):
            return bytes_entry(name, value.encode())
        if feature.vocabulary and isinstance(value, str):
            return int64_entry(name, self._indices.get(value) or feature.index_of(value))
        if feature.dtype == "float32" and isinstance(value, int | float):
            return float_entry(name, value)
        if feature.dtype == "int64" and isinstance(value, int):
            return int64_entry(name, value)
        raise ContractError(f"features[{name}]", expected=f"a {feature.dtype}", received=value)


def bytes_entry(name: str, value: bytes) -> bytes:
    """Serialize the entry of a feature that holds one string."""
    return bytes_prefix(name, len(value)) + value


def float_entry(name: str, value: float) -> bytes:
    """Serialize the entry of a feature that holds one float32.

    Raises:
        OverflowError: the value is beyond the range of float32.
    """
    return float_prefix(name) + _pack_float(value)


def int64_entry(name: str, value: int) -> bytes:
    """Serialize the entry of a feature that holds one int64."""
    return _entry(name, _INT64_LIST, _delimited(_VALUES, varint(value & 0xFFFFFFFFFFFFFFFF)))


@functools.lru_cache(maxsize=4096)
def example_prefix(entries_length: int) -> bytes:
    """Return the bytes before the joined entries of an Example, given their length in bytes."""
    return _FEATURES + varint(entries_length)


def serialization_order(names: Sequence[str]) -> list[int]:
    """Return the indices of feature names in the order of a deterministic serialization.

    The library is asked, since its order of two names is not that of their bytes where one begins with the
    other.
    """
    features = Example().features
    for name in names:
        features.feature[name].SetInParent()
    serialized: bytes = features.SerializeToString(deterministic=True)
    empty = [_delimited(_ENTRY, _delimited(_NAME, name.encode()) + _FEATURE + b"\0") for name in names]
    return sorted(range(len(names)), key=lambda index: serialized.index(empty[index]))


def varint(value: int) -> bytes:
    """Encode an integer, 7 bits a byte, the lowest first."""
    if value < 0x80:  # the usual lengths, without a loop
        return bytes((value,))
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


@functools.lru_cache(maxsize=4096)
def float_prefix(name: str) -> bytes:
    """Return the bytes before the four bytes of a float32, little-endian, in the entry of a feature."""
    return _entry(name, _FLOAT_LIST, _delimited(_VALUES, _pack_float(0)))[:-4]


@functools.lru_cache(maxsize=4096)
def bytes_prefix(name: str, length: int) -> bytes:
    """Return the bytes before a string of a length in the entry of a feature."""
    prefix = b""
    for tag in (_VALUES, _BYTES_LIST, _FEATURE):
        prefix = tag + varint(len(prefix) + length) + prefix
    prefix = _delimited(_NAME, name.encode()) + prefix
    return _ENTRY + varint(len(prefix) + length) + prefix


def _entry(name: str, kind: bytes, values: bytes) -> bytes:
    feature = _delimited(_FEATURE, _delimited(kind, values))
    return _delimited(_ENTRY, _delimited(_NAME, name.encode()) + feature)


def _delimited(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


Lengths = npt.NDArray[np.int32]


def lengths_of(parts: pa.BinaryArray) -> Lengths:
    """Return the number of bytes of each of n parts, shape (n,); none may be null."""
    return pc.binary_length(parts).to_numpy()


def by_length(lengths: Lengths, make: Callable[[int], bytes]) -> pa.BinaryArray:
    """Return the bytes that `make` returns for each of n lengths; it is called once for each distinct one."""
    distinct, indices = np.unique(lengths, return_inverse=True)
    return pa.array(map(make, distinct.tolist()), pa.binary()).take(pa.array(indices))


def equal_parts(parts: npt.NDArray[np.uint8], *, prefix: bytes = b"") -> pa.BinaryArray:
    """Return n parts of equal length, shape (n, length), each after the same prefix."""
    beginning = np.broadcast_to(np.frombuffer(prefix, np.uint8), (len(parts), len(prefix)))
    whole = np.hstack([beginning, parts])
    offsets = np.arange(len(parts) + 1, dtype=np.int32) * whole.shape[1]
    return pa.Array.from_buffers(
        pa.binary(), len(parts), [None, pa.py_buffer(offsets), pa.py_buffer(whole.tobytes())]
    )


def joined(*parts: pa.BinaryArray, separator: bytes = b"") -> pa.BinaryArray:
    """Join the parts of each row; arrays of n become one of n."""
    return pc.binary_join_element_wise(*parts, pa.scalar(separator, pa.binary()))
