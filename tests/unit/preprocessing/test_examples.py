from __future__ import annotations

import pytest
from preprocessing.example_proto import Example
from preprocessing.examples import ExampleEncoder

from dataset_contract import ContractError, FeatureSpec

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
