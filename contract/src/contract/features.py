"""One feature of a record: the encoder of preprocessing and the parser of the trainer are derived from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from contract.errors import ContractError
from contract.fields import FieldReader

Dtype = Literal["string", "int64", "float32"]
Role = Literal["input", "label", "key", "metadata"]
Scalar = str | int | float


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """One scalar feature of a tf.Example.

    Attributes:
        name: the key in the tf.Example, `image/encoded` for instance.
        dtype: `string` (bytes_list), `int64` (int64_list) or `float32` (float_list).
        role: `input` is what the model sees, `label` what it predicts, `key` what the split hashes,
            `metadata` travels along unused.
        vocabulary: the values that a categorical feature or a label can take, in order.
        first_index: the integer that stands for `vocabulary[0]` in a record; the ImageNet keys count from 1.
        default: what stands for a missing value; `None` means that a record without it is rejected.
        minimum: the least number that it can be; a record with a smaller one is rejected.
        maximum: the greatest number that it can be; a record with a greater one is rejected.
        description: one line for people.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    name: str
    dtype: Dtype
    role: Role = "input"
    vocabulary: tuple[str, ...] = ()
    first_index: int = 0
    default: Scalar | None = None
    minimum: float | None = None
    maximum: float | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip():
            raise ContractError(
                "features.name", expected="a name without spaces around it", received=self.name
            )
        where = f"features[{self.name}]"
        if self.dtype not in get_args(Dtype):
            raise ContractError(f"{where}.dtype", expected=f"one of {get_args(Dtype)}", received=self.dtype)
        if self.role not in get_args(Role):
            raise ContractError(f"{where}.role", expected=f"one of {get_args(Role)}", received=self.role)
        if len(set(self.vocabulary)) != len(self.vocabulary):
            raise ContractError(f"{where}.vocabulary", expected="distinct values", received=self.vocabulary)
        if self.first_index < 0:
            raise ContractError(f"{where}.first_index", expected="0 or more", received=self.first_index)
        if self.default is not None and not isinstance(self.default, _DEFAULT_TYPES[self.dtype]):
            raise ContractError(f"{where}.default", expected=f"a {self.dtype}", received=self.default)
        self._check_range(where)

    def _check_range(self, where: str) -> None:
        for name in ("minimum", "maximum"):
            bound = getattr(self, name)
            if bound is not None and (self.dtype == "string" or self.vocabulary or not math.isfinite(bound)):
                raise ContractError(f"{where}.{name}", expected="a bound only of a number", received=bound)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ContractError(
                f"{where}.minimum", expected=f"at most the maximum {self.maximum}", received=self.minimum
            )

    @property
    def is_number(self) -> bool:
        """Whether its values are quantities, not names or the indices of names."""
        return self.dtype != "string" and not self.vocabulary

    def index_of(self, value: str) -> int:
        """The integer that stands for a value of the vocabulary in a record.

        Raises:
            ContractError: the vocabulary does not hold the value.
        """
        try:
            return self.vocabulary.index(value) + self.first_index
        except ValueError:
            raise ContractError(
                f"features[{self.name}]", expected=f"one of {list(self.vocabulary)}", received=value
            ) from None

    def to_json(self) -> dict[str, Any]:
        """The feature as plain JSON values."""
        return {
            "name": self.name,
            "dtype": self.dtype,
            "role": self.role,
            "vocabulary": list(self.vocabulary),
            "first_index": self.first_index,
            "default": self.default,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "description": self.description,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FeatureSpec:
        """The feature that `to_json` wrote.

        Raises:
            ContractError: a field is missing, unknown or of the wrong type.
        """
        reader = FieldReader(value, f"features[{value.get('name', '?')}]")
        feature = cls(
            name=reader.take("name", str),
            dtype=reader.take("dtype", str),
            role=reader.take("role", str),
            vocabulary=tuple(reader.take_list("vocabulary", str)),
            first_index=reader.take("first_index", int),
            default=reader.take("default", str, int, float, type(None)),
            minimum=reader.take("minimum", float, int, type(None)),
            maximum=reader.take("maximum", float, int, type(None)),
            description=reader.take("description", str),
        )
        reader.finish()
        return feature


_DEFAULT_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "int64": (int,), "float32": (int, float)}
