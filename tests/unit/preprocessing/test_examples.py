from __future__ import annotations

import dataclasses

import pytest

from contract import ContractError, DataContract, FeatureSpec
from preprocessing.example_proto import Example
from preprocessing.examples import ExampleEncoder, check_features
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
