"""Values to serialized tf.Examples, as the features of a contract say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from contract import ContractError, DataContract, FeatureSpec
from preprocessing.example_proto import Example

Value = bytes | str | int | float
"""One value of a record; text for a feature that has a vocabulary becomes the index in it."""


def check_features(contract: DataContract, *, names: Collection[str]) -> None:
    """Refuse a contract that labelled raw data of some kind can't fulfil.

    Args:
        contract: what records are to hold.
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
        """Derive the encoder from the features of a contract."""
        self._fields = [(feature.name, feature.default, _filler(feature)) for feature in features]

    def encode(self, values: Mapping[str, Value]) -> bytes:
        """The record as a serialized tf.Example: the same values always give the same bytes.

        Args:
            values: by feature name. What no feature names is left out; what is missing becomes the default.

        Raises:
            ContractError: a value is missing without a default, of another type or not in the vocabulary.
        """
        example = Example()
        feature = example.features.feature
        for name, default, fill in self._fields:
            value = values.get(name, default)
            if value is None:
                raise ContractError(f"features[{name}]", expected="a value", received=None)
            try:
                fill(feature[name], value)
            except TypeError as error:
                raise ContractError(f"features[{name}]", expected=str(error), received=value) from error
        encoded: bytes = example.SerializeToString(deterministic=True)
        return encoded


def _filler(feature: FeatureSpec) -> Callable[[Any, Any], None]:
    """The function that puts a value into a `tf.train.Feature`."""
    if feature.dtype == "string":
        return _fill_bytes
    if feature.dtype == "float32":
        return _fill_float
    if not feature.vocabulary:
        return _fill_int64
    indices = {value: index for index, value in enumerate(feature.vocabulary, start=feature.first_index)}

    def fill_index(message: Any, value: Any) -> None:
        index = indices.get(value) if isinstance(value, str) else value
        message.int64_list.value.append(feature.index_of(value) if index is None else index)

    return fill_index


def _fill_bytes(message: Any, value: Any) -> None:
    message.bytes_list.value.append(value.encode() if isinstance(value, str) else value)


def _fill_float(message: Any, value: Any) -> None:
    message.float_list.value.append(value)


def _fill_int64(message: Any, value: Any) -> None:
    message.int64_list.value.append(value)
