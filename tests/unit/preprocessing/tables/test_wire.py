from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from contract import FeatureSpec
from preprocessing.example_proto import Example
from preprocessing.examples import ExampleEncoder
from preprocessing.tables.wire import (
    bytes_entry,
    example_prefix,
    float_entry,
    float_prefix,
    int64_entry,
    varint,
    wire_order,
)

_names = (
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=150).map(str.strip).filter(bool)
)
_values = st.one_of(
    st.tuples(st.just("string"), st.binary(max_size=300)),
    st.tuples(st.just("int64"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("float32"), st.floats(width=32, allow_nan=False)),
)
_ENTRIES = {"string": bytes_entry, "int64": int64_entry, "float32": float_entry}


@settings(max_examples=60)
@given(st.dictionaries(_names, _values, min_size=1, max_size=6))
def test_joined_entries_are_a_deterministic_serialization(values: dict[str, tuple[str, object]]) -> None:
    names = list(values)
    ordered = [names[index] for index in wire_order(names)]
    body = b"".join(_ENTRIES[values[name][0]](name, values[name][1]) for name in ordered)  # type: ignore[operator]
    record = example_prefix(len(body)) + body
    features = tuple(FeatureSpec(name=name, dtype=kind) for name, (kind, _) in values.items())  # type: ignore[arg-type]
    encoder = ExampleEncoder(features)
    assert record == encoder.encode({name: value for name, (_, value) in values.items()})  # type: ignore[misc]
    parsed = Example.FromString(record).features.feature
    for name, (kind, value) in values.items():
        field = {"string": "bytes_list", "int64": "int64_list", "float32": "float_list"}[kind]
        assert list(getattr(parsed[name], field).value) == [value]


def test_varint_takes_seven_bits_a_byte() -> None:
    assert [varint(value) for value in (0, 127, 128, 300)] == [b"\0", b"\x7f", b"\x80\x01", b"\xac\x02"]


def test_float_prefix_lacks_just_the_number() -> None:
    assert float_prefix("a") + struct.pack("<f", 2.5) == float_entry("a", 2.5)
