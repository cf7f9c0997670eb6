"""Features of a record: the encoder of preprocessing and the parser of the trainer are derived from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field

from contract.partitions import check_timezone
from contract.validation import ContractError, Number
from contract.values import is_normal_timestamp, normal_text, normal_timestamp

Dtype = Literal["string", "int64", "float32"]
Role = Literal["input", "label", "key", "metadata"]
Scalar = str | int | float


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """One scalar feature of a tf.Example.

    Attributes:
        name: the key in the tf.Example, `image/encoded` for instance.
        dtype: `string` (bytes_list), `int64` (int64_list) or `float32` (float_list).
        role: `input` of the model, `label` that it predicts, `key` that the split hashes, or unused
            `metadata`.
        vocabulary: the values that a categorical feature or a label can take, in order.
        first_index: the integer that stands for `vocabulary[0]` in a record; the ImageNet keys count from 1.
        default: replaces a missing value; None means that a record without it is rejected.
        minimum: the least number that it can be; a record with a smaller one is rejected.
        maximum: the greatest number that it can be; a record with a greater one is rejected.
        description: one line for people.
        missing: spellings of a missing value; None for those of the file. Where `NA` is Namibia, they are
            another column's.
        timezone: the time zone of a timestamp, a name of the IANA database; None for any other feature.
        date_format: how a timestamp is written, with the directives of `strptime`; empty for ISO 8601.

    Names, vocabulary and spellings are kept in the normal form of `contract.values`.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    dtype: Dtype
    role: Role = "input"
    vocabulary: tuple[str, ...] = ()
    first_index: int = 0
    default: Scalar | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    description: str = ""
    # Fields that came later are written only where they say something: other conversions keep their keys.
    missing: Annotated[tuple[str, ...] | None, Field(exclude_if=lambda value: value is None)] = None
    timezone: Annotated[str | None, Field(exclude_if=lambda value: value is None)] = None
    date_format: Annotated[str, Field(exclude_if=lambda value: not value)] = ""

    def __post_init__(self) -> None:
        if self.name and self.name == self.name.strip():
            object.__setattr__(self, "name", normal_text(self.name))
        object.__setattr__(self, "vocabulary", tuple(map(normal_text, self.vocabulary)))
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
        if self.timezone is not None or self.date_format:
            self._check_timestamp(where)

    def _check_range(self, where: str) -> None:
        for name in ("minimum", "maximum"):
            bound = getattr(self, name)
            if bound is not None and (self.dtype == "string" or self.vocabulary or not math.isfinite(bound)):
                raise ContractError(f"{where}.{name}", expected="a bound only of a number", received=bound)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ContractError(
                f"{where}.minimum", expected=f"at most the maximum {self.maximum}", received=self.minimum
            )

    def _check_timestamp(self, where: str) -> None:
        if self.dtype != "string" or self.vocabulary or self.timezone is None:
            raise ContractError(
                f"{where}.timezone", expected="that of a text without a vocabulary", received=self.timezone
            )
        check_timezone(self.timezone)
        if self.default is None:
            return
        default = str(self.default)
        try:
            # A contract that was written and is read has the default in its normal form already.
            normal = default if is_normal_timestamp(default) else self.normal(default)
            object.__setattr__(self, "default", normal)
        except ValueError:
            raise ContractError(
                f"{where}.default", expected=self.date_description, received=self.default
            ) from None

    def normal(self, text: str) -> str:
        """Return the normal form of a text value.

        Raises:
            ValueError: it is a timestamp's, but no date.
        """
        value = normal_text(text)
        if self.timezone is None:
            return value
        return normal_timestamp(value, timezone=self.timezone, date_format=self.date_format)

    @property
    def date_description(self) -> str:
        """Description of a timestamp's values for errors."""
        return f"a date as in {self.date_format or 'ISO 8601, 2018-01-31 23:59:00 for instance'}"

    @property
    def is_number(self) -> bool:
        """True for quantities; False for categories and indices of categories."""
        return self.dtype != "string" and not self.vocabulary

    def index_of(self, value: str) -> int:
        """Return the integer that stands for a value of the vocabulary in a record.

        Raises:
            ContractError: the vocabulary does not hold the value.
        """
        try:
            return self.vocabulary.index(value) + self.first_index
        except ValueError:
            raise ContractError(
                f"features[{self.name}]", expected=f"one of {list(self.vocabulary)}", received=value
            ) from None


_DEFAULT_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "int64": (int,), "float32": (int, float)}


def number(
    name: str,
    *,
    default: float | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    missing: tuple[str, ...] | None = None,
    role: Role = "input",
) -> FeatureSpec:
    """Return a numeric feature; a record that lacks it is rejected unless there is a default."""
    return FeatureSpec(
        name=name,
        dtype="float32",
        role=role,
        default=default,
        minimum=minimum,
        maximum=maximum,
        missing=missing,
    )


def category(
    name: str,
    *,
    default: str | None = None,
    vocabulary: tuple[str, ...] = (),
    missing: tuple[str, ...] | None = None,
    role: Role = "input",
) -> FeatureSpec:
    """Return a categorical feature.

    Without a vocabulary it is that of the conversion's statistics; with one, a record with any other value is
    rejected.
    """
    return FeatureSpec(
        name=name, dtype="string", role=role, default=default, vocabulary=vocabulary, missing=missing
    )


def timestamp(
    name: str,
    *,
    timezone: str = "UTC",
    date_format: str = "",
    default: str | None = None,
    missing: tuple[str, ...] | None = None,
) -> FeatureSpec:
    """Return a date, with a time or without: the model takes its hour, weekday and month in the time zone.

    A text that names another zone is converted; a record with a text that is no date is rejected.
    """
    return FeatureSpec(
        name=name,
        dtype="string",
        default=default,
        missing=missing,
        timezone=timezone,
        date_format=date_format,
    )


def key(name: str, *, default: str | None = None) -> FeatureSpec:
    """Return the key of a record, by whose hash it is assigned to a split."""
    return FeatureSpec(name=name, dtype="string", role="key", default=default)


def class_label(name: str, vocabulary: tuple[str, ...]) -> FeatureSpec:
    """Return a class label, stored as its index from 0; the vocabulary is in the order of the outputs."""
    return FeatureSpec(name=name, dtype="int64", role="label", vocabulary=vocabulary)


def target(name: str, *, minimum: float | None = None, maximum: float | None = None) -> FeatureSpec:
    """Return the label of a regression."""
    return number(name, minimum=minimum, maximum=maximum, role="label")


def image_features(labels: tuple[str, ...]) -> tuple[FeatureSpec, ...]:
    """Return the classic ImageNet keys of a labelled JPEG or PNG.

    The label is stored from 1, as in the original ImageNet records; models predict from 0.

    Source: https://github.com/tensorflow/models/blob/master/research/inception/inception/data/build_image_data.py
    """
    return (
        FeatureSpec(name="image/encoded", dtype="string", description="the JPEG or PNG file"),
        _imagenet_label(labels),
        FeatureSpec(name="image/class/synset", dtype="string", role="metadata", description="the label"),
        FeatureSpec(name="image/filename", dtype="string", role="metadata", description="path in the source"),
        FeatureSpec(name="image/height", dtype="int64", role="metadata", description="pixels"),
        FeatureSpec(name="image/width", dtype="int64", role="metadata", description="pixels"),
        FeatureSpec(name="image/channels", dtype="int64", role="metadata", description="3"),
        FeatureSpec(name="image/colorspace", dtype="string", role="metadata", description="RGB"),
        FeatureSpec(name="image/format", dtype="string", role="metadata", description="JPEG or PNG"),
    )  # fmt: skip


def idx_features(labels: tuple[str, ...] = tuple("0123456789")) -> tuple[FeatureSpec, ...]:
    """Return the ImageNet keys of an image in an IDX file (MNIST); labels are digits, stored from 1."""
    return (
        FeatureSpec(name="image/encoded", dtype="string", description="a PNG, without loss"),
        _imagenet_label(labels),
        FeatureSpec(
            name="image/filename", dtype="string", role="metadata", description="file and index in it"
        ),
        FeatureSpec(name="image/height", dtype="int64", role="metadata", description="pixels"),
        FeatureSpec(name="image/width", dtype="int64", role="metadata", description="pixels"),
        FeatureSpec(name="image/channels", dtype="int64", role="metadata", description="1"),
        FeatureSpec(name="image/colorspace", dtype="string", role="metadata", description="Grayscale"),
        FeatureSpec(name="image/format", dtype="string", role="metadata", description="PNG"),
    )  # fmt: skip


def _imagenet_label(labels: tuple[str, ...]) -> FeatureSpec:
    return FeatureSpec(
        name="image/class/label", dtype="int64", role="label", vocabulary=labels, first_index=1,
        description="index of the label, from 1",
    )  # fmt: skip
