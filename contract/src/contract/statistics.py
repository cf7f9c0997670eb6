"""What a conversion found: enough to normalise numbers and to look up words without a second pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contract.errors import ContractError
from contract.fields import FieldReader

STATISTICS_FILENAME = "statistics.json"
QUANTILES = 101
"""How many quantiles are kept: the 0th to the 100th percentile."""


@dataclass(frozen=True, kw_only=True)
class NumberStatistics:
    """The values of a numeric feature.

    Attributes:
        count: how many values there are; without any, all that follows is 0.
        missing: how many of them are the default because the value was missing.
        mean: of the values.
        std: their standard deviation, dividing by `count`.
        minimum: the smallest.
        maximum: the greatest.
        quantiles: `QUANTILES` values, from the smallest to the greatest; estimated from a sample where there
            are many.
    """

    count: int
    missing: int
    mean: float
    std: float
    minimum: float
    maximum: float
    quantiles: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """The statistics as plain JSON values."""
        return {**asdict(self), "quantiles": list(self.quantiles)}

    @classmethod
    def from_json(cls, value: object, where: str) -> NumberStatistics:
        """The statistics that `to_json` wrote.

        Raises:
            ContractError: a field is missing, unknown or of the wrong type.
        """
        reader = FieldReader(value, where)
        statistics = cls(
            count=reader.take("count", int),
            missing=reader.take("missing", int),
            mean=reader.take("mean", float, int),
            std=reader.take("std", float, int),
            minimum=reader.take("minimum", float, int),
            maximum=reader.take("maximum", float, int),
            quantiles=tuple(map(float, reader.take_list("quantiles", float, int))),
        )
        reader.finish()
        return statistics


@dataclass(frozen=True, kw_only=True)
class WordStatistics:
    """The values of a feature that holds words.

    Attributes:
        count: how many values there are.
        missing: how many of them are the default because the value was missing.
        words: the commonest words with their counts, the commonest first, equal ones in alphabetical order.
        other: how many values are none of these.
    """

    count: int
    missing: int
    words: Mapping[str, int]
    other: int

    def to_json(self) -> dict[str, Any]:
        """The statistics as plain JSON values."""
        return {
            "count": self.count,
            "missing": self.missing,
            # A list keeps the order through every JSON tool.
            "words": [[word, count] for word, count in self.words.items()],
            "other": self.other,
        }

    @classmethod
    def from_json(cls, value: object, where: str) -> WordStatistics:
        """The statistics that `to_json` wrote.

        Raises:
            ContractError: a field is missing, unknown or of the wrong type.
        """
        reader = FieldReader(value, where)
        statistics = cls(
            count=reader.take("count", int),
            missing=reader.take("missing", int),
            words=_word_counts(reader.take_list("words", list), f"{where}.words"),
            other=reader.take("other", int),
        )
        reader.finish()
        return statistics


def _word_counts(pairs: list[list[Any]], where: str) -> dict[str, int]:
    for index, pair in enumerate(pairs):
        if [type(item) for item in pair] != [str, int]:
            raise ContractError(f"{where}[{index}]", expected="a word and its count", received=pair)
    return dict(map(tuple, pairs))


@dataclass(frozen=True, kw_only=True)
class DatasetStatistics:
    """What a trainer needs of `statistics.json`, which holds more, for reports.

    Attributes:
        records: records by split.
        labels: records of each label by split; empty where the label is a number.
        numbers: the numeric features and label, over the training side alone.
        words: the features that hold words, over the training side alone.
    """

    records: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    numbers: Mapping[str, NumberStatistics]
    words: Mapping[str, WordStatistics]

    def to_json(self) -> dict[str, Any]:
        """The statistics as plain JSON values."""
        return {
            "records": dict(self.records),
            "labels": {split: dict(counts) for split, counts in self.labels.items()},
            "numbers": {name: item.to_json() for name, item in self.numbers.items()},
            "words": {name: item.to_json() for name, item in self.words.items()},
        }

    @classmethod
    def from_text(cls, text: str) -> DatasetStatistics:
        """The statistics in the text of a `statistics.json`; what is only for reports is passed over.

        Raises:
            ContractError: the text is no JSON, or a field is missing or of the wrong type.
        """
        reader = FieldReader.of_text(text, STATISTICS_FILENAME)
        labels, numbers, words = (reader.take(name, dict) for name in ("labels", "numbers", "words"))
        return cls(
            records=reader.take("records", dict),
            labels=labels,
            numbers={
                name: NumberStatistics.from_json(item, f"statistics.numbers[{name}]")
                for name, item in numbers.items()
            },
            words={
                name: WordStatistics.from_json(item, f"statistics.words[{name}]")
                for name, item in words.items()
            },
        )
