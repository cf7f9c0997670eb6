from __future__ import annotations

from contract import category, class_label, idx_features, key, number, target


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
