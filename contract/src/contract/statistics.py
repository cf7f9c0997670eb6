"""Statistics of a conversion: normalization and vocabularies for training, counts for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer

from contract.validation import JsonFile

QUANTILES = 101
"""Number of quantiles that are kept: the 0th to the 100th percentile."""


def _from_pairs(pairs: Any) -> Any:
    is_pairs = isinstance(pairs, list) and all(
        isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    )
    if not is_pairs:
        raise ValueError("Input should be pairs of a value and its count")
    return dict(pairs)


@dataclass(frozen=True, kw_only=True)
class NumberStatistics:
    """Values of a numeric feature.

    Attributes:
        count: number of values; without any, all that follows is 0.
        missing: how many of them are the default because the value was missing.
        mean: of the values.
        std: their population standard deviation.
        minimum: the smallest.
        maximum: the greatest.
        quantiles: `QUANTILES` values, from the smallest to the greatest; estimated from a sample where there
            are many.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    count: int
    missing: int
    mean: float
    std: float
    minimum: float
    maximum: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class CategoricalStatistics:
    """Values of a categorical feature.

    Attributes:
        count: number of values.
        missing: how many of them are the default because the value was missing.
        counts: the commonest values with their counts, the commonest first, equal ones in alphabetical order.
        other: number of values that are none of these.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    count: int
    missing: int
    # A list of pairs keeps the order through every JSON tool.
    counts: Annotated[
        Mapping[str, int],
        Field(alias="words"),
        BeforeValidator(_from_pairs),
        PlainSerializer(lambda counts: [[value, count] for value, count in counts.items()]),
    ]
    other: int


@dataclass(frozen=True, kw_only=True)
class SizeStatistics:
    """Sizes of images in one dimension, in pixels; None without images.

    Attributes:
        minimum: the smallest.
        maximum: the largest.
        mean: of all.
    """

    minimum: Annotated[int | None, Field(alias="min")] = None
    maximum: Annotated[int | None, Field(alias="max")] = None
    mean: float | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetStatistics(JsonFile):
    """The statistics of one conversion.

    Attributes:
        records: number of records by split.
        labels: number of records of each label by split; empty where the label is a number.
        numbers: numeric features and label, over the training split alone.
        categories: categorical features, over the training split alone.
        dataset: the dataset's name.
        read: raw files, rows or images: records, duplicates and rejected ones.
        rejected: number of rejected ones by reason.
        rejected_listed: how many of them are listed in `rejected.jsonl`.
        rejected_fraction: their fraction of what was read, 0 to 1.
        duplicates: raw files that repeat another one.
        ignored: number of files that are no raw data by reason; they are listed in `ignored.jsonl`.
        converted: records whose bytes were changed, by the original format.
        bytes: size of all shards.
        image: sizes of images by dimension, `height` and `width`; empty for tables.
    """

    FILENAME: ClassVar[str] = "statistics.json"

    records: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    numbers: Mapping[str, NumberStatistics]
    categories: Annotated[Mapping[str, CategoricalStatistics], Field(alias="words")]
    dataset: str = ""
    read: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    rejected_listed: int = 0
    rejected_fraction: float = 0.0
    duplicates: int = 0
    ignored: Mapping[str, int] = field(default_factory=dict)
    converted: Mapping[str, Any] = field(default_factory=dict)
    bytes: int = 0
    image: Mapping[str, SizeStatistics] = field(default_factory=dict)
