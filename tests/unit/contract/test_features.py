from __future__ import annotations

import pytest

from contract import (
    ContractError,
    FeatureSpec,
    category,
    class_label,
    idx_features,
    image_features,
    key,
    number,
    target,
)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"name": "", "dtype": "string"}, "features.name"),
        ({"name": " a", "dtype": "string"}, "features.name"),
        ({"name": "a", "dtype": "bytes"}, "features[a].dtype"),
        ({"name": "a", "dtype": "string", "role": "target"}, "features[a].role"),
        ({"name": "a", "dtype": "int64", "vocabulary": ("x", "x")}, "features[a].vocabulary"),
        ({"name": "a", "dtype": "int64", "first_index": -1}, "features[a].first_index"),
        ({"name": "a", "dtype": "int64", "default": "1"}, "features[a].default"),
        ({"name": "a", "dtype": "string", "default": 1}, "features[a].default"),
    ],
)
def test_feature_spec_with_a_wrong_value_names_the_field(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(ContractError) as caught:
        FeatureSpec(**arguments)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_index_of_counts_from_the_first_index() -> None:
    feature = FeatureSpec(name="label", dtype="int64", vocabulary=("a", "b"), first_index=1)
    assert [feature.index_of(value) for value in ("a", "b")] == [1, 2]
    with pytest.raises(ContractError, match=r"features\[label\]: expected one of \['a', 'b'\], received 'c'"):
        feature.index_of("c")


def test_image_features_are_the_imagenet_keys() -> None:
    features = image_features(("daisy", "roses"))
    assert {feature.name: feature.dtype for feature in features} == {
        "image/encoded": "string",
        "image/class/label": "int64",
        "image/class/synset": "string",
        "image/filename": "string",
        "image/height": "int64",
        "image/width": "int64",
        "image/channels": "int64",
        "image/colorspace": "string",
        "image/format": "string",
    }
    (label,) = (feature for feature in features if feature.role == "label")
    assert (label.vocabulary, label.first_index) == (("daisy", "roses"), 1)


def test_number_and_target_are_quantities_with_bounds() -> None:
    age, fare = number("age", default=0.5, minimum=0, maximum=120), target("fare", minimum=0)
    assert (age.dtype, age.role, age.is_number) == ("float32", "input", True)
    assert (age.default, age.minimum, age.maximum) == (0.5, 0, 120)
    assert (fare.role, fare.is_number, fare.minimum) == ("label", True, 0)


def test_category_and_key_are_words() -> None:
    city, trip = category("city", default="?"), key("trip")
    assert (city.dtype, city.role, city.default, city.is_number) == ("string", "input", "?", False)
    assert (trip.dtype, trip.role, trip.default) == ("string", "key", None)


def test_class_label_counts_from_zero() -> None:
    label = class_label("income", ("low", "high"))
    assert (label.dtype, label.role, label.is_number) == ("int64", "label", False)
    assert [label.index_of(word) for word in ("low", "high")] == [0, 1]


def test_idx_features_are_imagenet_keys_with_digits() -> None:
    features = idx_features()
    (label,) = (feature for feature in features if feature.role == "label")
    assert (label.name, label.index_of("0"), label.index_of("9")) == ("image/class/label", 1, 10)
    assert {feature.name for feature in features} >= {"image/encoded", "image/filename", "image/format"}
