"""Inputs of an exported table model as requests give them: any names, missing values, dates.

The export carries them beside its graph, whose tensors can't have every name. Whoever sends a request, to a
server or without one, has it read here: as the conversion read the rows that the model was trained on.
"""

from __future__ import annotations

import base64
import hashlib
import keyword
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

from contract.data_contract import DataContract
from contract.features import FeatureSpec
from contract.validation import ContractError, JsonFile
from contract.values import is_rounded, normal_text

_TENSOR_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_TAKEN = frozenset({"self", "inputs", "training", "mask", "name"})
"""Names with a meaning of their own where TensorFlow and Keras call functions by keyword."""


def tensor_name(name: str) -> str:
    """Return the name of the tensor that holds an input: the input's own wherever TensorFlow takes it.

    Any other begins with its letters and digits and ends with a digest, so that no two are the same: to
    TensorFlow, `a` and `A` are.
    https://www.tensorflow.org/api_docs/python/tf/Operation#name
    """
    is_taken = name in _TAKEN or keyword.iskeyword(name) or name.startswith("input_")
    if _TENSOR_NAME.fullmatch(name) and not is_taken:
        return name
    readable = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII)[:40].strip("_")
    return f"input_{readable}_{hashlib.sha256(name.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, kw_only=True)
class ModelInput:
    """One input of a model.

    Attributes:
        feature: the feature that it is.
        missing: spellings of a missing value.
    """

    feature: FeatureSpec
    missing: tuple[str, ...]

    @cached_property
    def tensor(self) -> str:
        """Name of the signature's tensor."""
        return tensor_name(self.feature.name)

    def read(self, received: object, where: str) -> Any:
        """Return the value of a request as the model takes it: text, or a finite number.

        Null, NaN and the feature's spellings of a missing value stand for its default.

        Args:
            received: JSON value; None if there is none.
            where: path of the value in errors.

        Raises:
            ContractError: it is no value of the feature, or missing and without a default.
        """
        value = _decoded(received)
        if isinstance(value, bool):
            raise ContractError(where, expected=self._expected, received=received)
        if self.feature.vocabulary and _is_whole(value):
            value = str(int(value))  # a category that is written as a number
        if value is None or value in self._missing or (isinstance(value, float) and math.isnan(value)):
            if self.feature.default is None:
                raise ContractError(where, expected=self._expected, received=received)
            return self.feature.default
        if self.feature.is_number:
            is_integer = self.feature.dtype == "int64"
            if not _is_held(value) or (is_integer and not _is_whole(value)):
                raise ContractError(where, expected=self._expected, received=received)
            return int(value) if is_integer else float(value)
        if not isinstance(value, str):
            raise ContractError(where, expected=self._expected, received=received)
        if self.feature.vocabulary and value not in self.feature.vocabulary:
            raise ContractError(where, expected=self._expected, received=received)
        if self.feature.dtype == "int64":
            return self.feature.index_of(value)
        try:
            return self.feature.normal(value)
        except ValueError:
            raise ContractError(where, expected=self._expected, received=received) from None

    @property
    def example(self) -> str | float:
        """A value of the tensor."""
        if self.feature.default is not None:
            return self.feature.default
        if self.feature.is_number:
            return 0.0
        if self.feature.vocabulary:
            is_index = self.feature.dtype == "int64"
            return self.feature.first_index if is_index else self.feature.vocabulary[0]
        return "" if self.feature.timezone is None else "2000-01-01 00:00:00"

    @property
    def _expected(self) -> str:
        if self.feature.is_number:
            return "a float that float32 holds"
        if self.feature.vocabulary:
            return f"one of {', '.join(self.feature.vocabulary[:20])}"
        return "a string" if self.feature.timezone is None else self.feature.date_description

    @cached_property
    def _missing(self) -> frozenset[str | float]:
        texts = {normal_text(text) for text in self.missing}
        return frozenset(texts | set(map(float, filter(_is_finite, texts)) if self.feature.is_number else ()))


@dataclass(frozen=True, kw_only=True)
class ModelInputs(JsonFile):
    """All inputs of a model; TensorFlow leaves the folder of the file to a SavedModel's users.

    Attributes:
        inputs: in the order of the contract.
    """

    FILENAME: ClassVar[str] = "assets.extra/inputs.json"

    inputs: tuple[ModelInput, ...]

    @classmethod
    def of(cls, contract: DataContract) -> Self:
        """Return the inputs of a table's model."""
        features = contract.model_inputs.values()
        return cls(
            inputs=tuple(
                ModelInput(feature=feature, missing=contract.missing_of(feature)) for feature in features
            )
        )

    @cached_property
    def by_name(self) -> Mapping[str, ModelInput]:
        """Inputs by the name of their feature."""
        return {item.feature.name: item for item in self.inputs}

    def read(self, instance: object, where: str) -> dict[str, Any]:
        """Return the values of an instance by the names of the tensors.

        Args:
            instance: JSON object, or the value itself where there is one input.
            where: path of the instance in errors.

        Raises:
            ContractError: it is no object, or has a name that is no input's, or twice, or a value that its
                feature can't have.
        """
        if len(self.inputs) == 1 and (not isinstance(instance, dict) or instance.keys() == {"b64"}):
            instance = {self.inputs[0].feature.name: instance}
        if not isinstance(instance, dict):
            raise ContractError(where, expected=f"an object with {self._names}", received=instance)
        given = {normal_text(name): value for name, value in instance.items()}
        if len(given) < len(instance):
            raise ContractError(where, expected="each name once", received=sorted(instance))
        unknown = sorted(given.keys() - self.by_name.keys())
        if unknown:
            raise ContractError(f"{where}.{unknown[0]}", expected=f"only {self._names}", received=unknown)
        values = {}
        for name, item in self.by_name.items():
            try:
                values[item.tensor] = item.read(given.get(name), name)
            except ContractError as error:
                raise ContractError(
                    f"{where}.{name}", expected=error.expected, received=error.received
                ) from None
        return values

    @property
    def _names(self) -> str:
        return ", ".join(sorted(self.by_name))


def _decoded(value: object) -> Any:
    """Return a JSON value, text in normal form, `{"b64": ...}` as the UTF-8 text that it stands for."""
    if isinstance(value, dict) and value.keys() == {"b64"}:
        try:
            value = base64.b64decode(value["b64"], validate=True).decode()
        except (TypeError, ValueError):
            return ()
    if isinstance(value, list | dict):
        return ()  # no value of any feature
    return normal_text(value) if isinstance(value, str) else value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _is_held(value: Any) -> bool:
    """Return True for a number that float32 holds, but for the rounding of a fraction."""
    if isinstance(value, float):
        return not math.isinf(value) and not (value.is_integer() and is_rounded(value))
    return isinstance(value, int) and not is_rounded(value)


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
