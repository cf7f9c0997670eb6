"""Scores of predictions and baselines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from trainer.evaluate import score, score_majority_class, validation_examples
from trainer.export import Predictions
from trainer.records import Records


def test_score_of_known_predictions_gives_the_figures_by_hand():
    predictions = Predictions(
        classes=np.array([0, 1, 1, 0]),
        probabilities=np.array([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.7, 0.3]], np.float32),
    )

    result = score(predictions, np.array([0, 0, 1, 0]), classes=2)

    assert result.accuracy == 0.75
    assert result.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert result.loss == pytest.approx(-np.log([0.8, 0.4, 0.9, 0.7]).mean(), rel=1e-5)
    assert result.confusion_matrix.tolist() == [[2, 1], [0, 1]]
    assert result.finite


def test_score_of_probabilities_that_are_no_numbers_says_so_and_stays_finite():
    predictions = Predictions(
        classes=np.array([0]), probabilities=np.array([[math.nan, math.nan]], np.float32)
    )

    result = score(predictions, np.array([0]), classes=2)

    assert not result.finite
    assert math.isfinite(result.loss)


def test_score_majority_class_is_the_share_of_the_commonest_training_label(make_dataset):
    records = Records.open(str(make_dataset(train=11, validation=10)))

    result = score_majority_class(records)

    # Of 11 in turn, the first label has one more; of 10, each has two.
    assert records.train.label_counts[0] == 3
    assert result.accuracy == 0.2
    assert result.confusion_matrix[:, 0].tolist() == [2, 2, 2, 2, 2]


def test_validation_examples_count_labels_from_zero(dataset):
    examples = list(validation_examples(Records.open(str(dataset))))

    assert {example.label for example in examples} == set(range(5))
    assert all(example.filename.endswith(".jpg") for example in examples)
