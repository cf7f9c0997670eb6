"""Scores of answers that name a class."""

from __future__ import annotations

import math

import numpy as np
import pytest

from retraining.training_check import MODEL_REQUIREMENTS
from trainer import evaluators
from trainer.errors import InputError
from trainer.evaluators import ClassificationEvaluator
from trainer.examples import Predictions
from trainer.metrics import RegressionMetrics
from trainer.records import Records
from trainer.registry import REGISTRY


@pytest.fixture
def evaluator(make_dataset) -> ClassificationEvaluator:
    return ClassificationEvaluator(Records.open(str(make_dataset(labels=("daisy", "roses")))))


def test_score_of_known_answers_gives_the_figures_by_hand(evaluator):
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.7, 0.3]], np.float32)

    result = evaluator.evaluate(
        Predictions(outputs={"probabilities": probabilities}, targets=np.array([0, 0, 1, 0]))
    )

    assert result.metrics["accuracy"] == 0.75
    assert result.metrics["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert result.metrics["loss"] == pytest.approx(-np.log([0.8, 0.4, 0.9, 0.7]).mean(), rel=1e-5)
    assert result.metrics["auc"] == 1
    assert result.details["confusion_matrix"] == ((2, 1), (0, 1))
    assert result.finite


def test_score_of_probabilities_that_are_no_numbers_says_so_and_stays_finite(evaluator):
    probabilities = np.array([[math.nan, math.nan]], np.float32)

    result = evaluator.evaluate(Predictions(outputs={"probabilities": probabilities}, targets=np.array([0])))

    assert not result.finite
    assert math.isfinite(result.metrics["loss"])


def test_score_of_a_model_with_other_classes_matches_them_by_name(evaluator):
    probabilities = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]], np.float32)
    answers = Predictions(
        outputs={"probabilities": probabilities},
        targets=np.array([0, 1]),
        known_labels=("tulips", "daisy", "roses"),
    )

    result = evaluator.evaluate(answers)

    # The first is taken for a tulip, which the dataset doesn't know: wrong, and in no column.
    assert result.metrics["accuracy"] == 0.5
    assert result.details["confusion_matrix"] == ((0, 0), (0, 1))


def test_score_of_a_model_that_does_not_name_its_many_classes_is_refused(evaluator):
    answers = Predictions(outputs={"probabilities": np.ones((1, 3), np.float32)}, targets=np.array([0]))

    with pytest.raises(InputError, match="classes of the model: expected 2, received 3"):
        evaluator.evaluate(answers)


def test_baseline_is_the_share_of_the_commonest_training_label(make_dataset):
    records = Records.open(str(make_dataset(train=11, validation=10)))

    # Of 11 in turn, the first label has one more; of 10, each has two.
    result = ClassificationEvaluator(records).baseline(records.validation, np.arange(10) % 5)

    assert records.train_label_counts[0] == 3
    assert result.metrics["accuracy"] == 0.2
    assert np.array(result.details["confusion_matrix"])[:, 0].tolist() == [2, 2, 2, 2, 2]


def test_requirements_that_dag_files_are_held_to_are_those_of_the_models(evaluator):
    assert {name: spec.record_formats for name, spec in REGISTRY.items()} == {
        name: requirements.record_formats for name, requirements in MODEL_REQUIREMENTS.items()
    }
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]], np.float32)
    of_classes = evaluator.evaluate(
        Predictions(outputs={"probabilities": probabilities}, targets=np.array([0, 1]))
    ).metrics
    for model in ("resnet", "wide_deep"):
        assert MODEL_REQUIREMENTS[model].metrics.keys() == of_classes.keys()
    errors = np.ones(2, np.float32)
    of_numbers = RegressionMetrics(np.ones(2), np.zeros(2)).values()
    of_images = evaluators._score(errors, finite=True).metrics
    assert MODEL_REQUIREMENTS["regression"].metrics.keys() == of_numbers.keys() - {"bias"}
    assert MODEL_REQUIREMENTS["autoencoder"].metrics.keys() == of_images.keys()
