from __future__ import annotations

import dataclasses
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import ContractError, DataContract, FeatureSpec
from contract.values import normal_text
from preprocessing.example_serialization import (
    Example,
    ExampleEncoder,
    bytes_entry,
    check_features,
    example_prefix,
    float_entry,
    float_prefix,
    int64_entry,
    serialization_order,
    varint,
)
from preprocessing.formats import FORMATS

FEATURES = (
    FeatureSpec(name="colour", dtype="int64", vocabulary=("red", "blue"), first_index=1),
    FeatureSpec(name="name", dtype="string"),
    FeatureSpec(name="count", dtype="int64"),
    FeatureSpec(name="share", dtype="float32", default=0.5),
)
VALUES = {"colour": "blue", "name": "é", "count": 3}


def test_encode_puts_each_value_into_the_list_of_its_type() -> None:
    feature = Example.FromString(ExampleEncoder(FEATURES).encode(VALUES)).features.feature
    assert list(feature["colour"].int64_list.value) == [2]
    assert list(feature["name"].bytes_list.value) == ["é".encode()]
    assert list(feature["count"].int64_list.value) == [3]
    assert list(feature["share"].float_list.value) == [0.5]


def test_encode_leaves_out_what_no_feature_names() -> None:
    feature = Example.FromString(ExampleEncoder(FEATURES).encode({**VALUES, "other": 1})).features.feature
    assert set(feature) == {"colour", "name", "count", "share"}


def test_encode_in_another_order_gives_the_same_bytes() -> None:
    backwards = dict(reversed(VALUES.items()))
    assert ExampleEncoder(FEATURES).encode(VALUES) == ExampleEncoder(FEATURES[::-1]).encode(backwards)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": None}, r"features\[count\]: expected a value, received None"),
        ({"colour": "green"}, r"features\[colour\]: expected one of \['red', 'blue'\], received 'green'"),
        ({"count": "three"}, r"features\[count\]: expected .* received 'three'"),
        ({"share": "half"}, r"features\[share\]: expected .* received 'half'"),
    ],
)
def test_encode_of_a_wrong_value_names_the_feature(change: dict[str, object], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        ExampleEncoder(FEATURES).encode({**VALUES, **change})  # type: ignore[dict-item]


def test_check_features_takes_what_an_image_has(contract: DataContract) -> None:
    FORMATS["image"].check(contract)


def test_check_features_with_a_feature_that_has_no_value_names_it(contract: DataContract) -> None:
    features = (*contract.features, FeatureSpec(name="image/colour", dtype="string"))
    with pytest.raises(ContractError, match=r"expected one of \['image/encoded', .* received 'image/colour'"):
        FORMATS["image"].check(dataclasses.replace(contract, features=features))


def test_check_features_takes_a_feature_with_a_default(contract: DataContract) -> None:
    names = [feature.name for feature in contract.features]
    other = FeatureSpec(name="image/colour", dtype="string", default="red")
    check_features(dataclasses.replace(contract, features=(*contract.features, other)), names=names)


def test_check_features_without_vocabulary_names_the_label(contract: DataContract) -> None:
    features = tuple(dataclasses.replace(feature, vocabulary=()) for feature in contract.features)
    with pytest.raises(ContractError, match=r"image/class/label\]\.vocabulary"):
        FORMATS["image"].check(dataclasses.replace(contract, features=features))


_names = (
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=150).map(normal_text).filter(bool)
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
    ordered = [names[index] for index in serialization_order(names)]
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
