"""Slices: which there are, and a collapse of one that the whole hides."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.errors import InputError
from trainer.evaluators import ClassificationEvaluator
from trainer.examples import Predictions
from trainer.records import Records
from trainer.slices import evaluate_slices, slice_columns

LABEL = "image/class/label"


@pytest.fixture
def records(make_dataset) -> Records:
    return Records.open(str(make_dataset(labels=("daisy", "roses"))))


def predictions(right: np.ndarray, targets: np.ndarray, **columns: np.ndarray) -> Predictions:
    first = np.where((targets == 0) == right, 0.9, 0.1)
    return Predictions(
        outputs={"probabilities": np.stack([first, 1 - first], axis=1)}, targets=targets, columns=columns
    )


def test_slice_that_collapses_alone_is_found(records):
    targets, town = np.arange(400) % 2, np.array([b"ulm", b"bonn", b"ulm", b"ulm"] * 100)
    before = predictions(np.arange(400) % 10 > 0, targets)
    after = predictions(np.where(town == b"bonn", np.arange(400) % 3 == 0, True), targets, town=town)
    evaluator = ClassificationEvaluator(records)
    model, production = evaluator.evaluate(after), evaluator.evaluate(before)

    found = evaluate_slices(records, ("town",), after, model, production)

    assert [(one.value, one.examples) for one in found] == [("ulm", 300), ("bonn", 100)]
    assert found[0].difference["accuracy"].value > 0
    low, high = found[1].difference["accuracy"].interval()
    assert low < high < -0.3


def test_slices_by_label_are_the_classes(records):
    targets = np.array([0] * 30 + [1] * 10)
    found = predictions(np.array([True] * 35 + [False] * 5), targets)
    model = ClassificationEvaluator(records).evaluate(found)
    slices = evaluate_slices(records, (LABEL,), found, model, None)
    assert [(one.value, one.metrics["accuracy"].value, one.difference) for one in slices] == [
        ("daisy", 1.0, {}),
        ("roses", 0.5, {}),
    ]


def test_slices_by_a_number_of_many_values_are_quartiles(records):
    age = np.arange(200, dtype=np.float32)
    found = predictions(np.ones(200, bool), np.arange(200) % 2, age=age)
    model = ClassificationEvaluator(records).evaluate(found)
    slices = evaluate_slices(records, ("age",), found, model, None)
    assert [one.examples for one in slices] == [50, 50, 50, 50]
    assert slices[0].value == "0 to 49.75"


def test_name_that_is_no_feature_is_refused_with_those_that_are(records):
    assert slice_columns(records, (LABEL,)) == []
    with pytest.raises(InputError, match=r"--slices: expected names among .*image/class/label"):
        slice_columns(records, ("town",))
