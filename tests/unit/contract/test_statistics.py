from __future__ import annotations

import json

import pytest

from contract import CategoricalStatistics, ContractError, DatasetStatistics, NumberStatistics
from contract.validation import to_json

STATISTICS = DatasetStatistics(
    records={"train": 3, "validation": 1},
    labels={"train": {"low": 3}, "validation": {"low": 1}},
    numbers={
        "age": NumberStatistics(
            count=3, missing=1, mean=2.0, std=0.5, minimum=1.0, maximum=3.0, quantiles=(1.0, 2.0, 3.0)
        )
    },
    categories={"city": CategoricalStatistics(count=3, missing=0, counts={"b": 2, "a": 1}, other=0)},
)


def test_from_text_reads_what_to_text_wrote_and_passes_over_the_rest() -> None:
    document = to_json(STATISTICS) | {"of_another_version": 1}
    read = DatasetStatistics.from_text(json.dumps(document))
    assert read == STATISTICS
    assert list(read.categories["city"].counts) == ["b", "a"]


@pytest.mark.parametrize("text", ["", "no json", "[]"])
def test_from_text_of_another_text_raises(text: str) -> None:
    with pytest.raises(ContractError, match=r"statistics\.json: expected"):
        DatasetStatistics.from_text(text)


@pytest.mark.parametrize("field", ["records", "labels", "numbers", "words"])
def test_from_text_without_a_field_names_it(field: str) -> None:
    document = to_json(STATISTICS)
    del document[field]
    with pytest.raises(ContractError) as caught:
        DatasetStatistics.from_text(json.dumps(document))
    assert caught.value.field == f"statistics.json.{field}"


def test_from_text_with_a_wrong_number_names_feature_and_field() -> None:
    document = to_json(STATISTICS)
    document["numbers"]["age"]["mean"] = "two"
    with pytest.raises(ContractError, match=r"statistics\.json\.numbers\.age\.mean: expected"):
        DatasetStatistics.from_text(json.dumps(document))


@pytest.mark.parametrize(
    ("kind", "feature", "field", "value", "where"),
    [
        ("numbers", "age", "quantiles", [1.0, "two"], "statistics.json.numbers.age.quantiles[1]"),
        ("words", "city", "words", [["b", 2], ["a"]], "statistics.json.words.city.words"),
        ("words", "city", "words", [["b", "2"]], "statistics.json.words.city.words.b"),
        ("words", "city", "words", [[["b"], 2]], "statistics.json.words.city.words"),
        ("words", "city", "surplus", 1, "statistics.json.words.city.surplus"),
        ("numbers", "age", "surplus", 1, "statistics.json.numbers.age.surplus"),
    ],
)
def test_from_text_with_a_wrong_item_names_it(
    kind: str, feature: str, field: str, value: object, where: str
) -> None:
    document = to_json(STATISTICS)
    document[kind][feature][field] = value
    with pytest.raises(ContractError) as caught:
        DatasetStatistics.from_text(json.dumps(document))
    assert caught.value.field == where
