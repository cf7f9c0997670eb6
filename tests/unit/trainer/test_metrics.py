"""Metrics: equal to scikit-learn's, weighted and not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from trainer.metrics import ClassificationMetrics, ConstantMetrics, MeanMetrics, RegressionMetrics


@pytest.fixture(params=[0, 1, 2])
def seed(request) -> int:
    return request.param


def sample(seed: int, classes: int, records: int = 200):
    """Probabilities with ties, labels that they say something of, and weights with zeros among them."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(classes, size=records)
    raw = generator.random((records, classes)) + 0.3 * np.eye(classes)[targets]
    probabilities = (raw / raw.sum(axis=1, keepdims=True)).round(1 if seed else 4)
    return probabilities, targets, generator.integers(0, 4, size=records).astype(float)


def test_metrics_of_two_classes_are_scikit_learn_s(seed):
    probabilities, targets, weights = sample(seed, 2)
    score, positive = probabilities[:, 1], probabilities[:, 1] >= 0.4

    found = ClassificationMetrics(probabilities, targets, classes=2, operating_point=0.4).compute(weights)

    expected = {
        "accuracy": reference.accuracy_score(targets, probabilities.argmax(1), sample_weight=weights),
        "balanced_accuracy": reference.balanced_accuracy_score(
            targets, probabilities.argmax(1), sample_weight=weights
        ),
        "precision": reference.precision_score(targets, positive, sample_weight=weights),
        "recall": reference.recall_score(targets, positive, sample_weight=weights),
        "f1": reference.f1_score(targets, positive, sample_weight=weights),
        "auc": reference.roc_auc_score(targets, score, sample_weight=weights),
        "average_precision": reference.average_precision_score(targets, score, sample_weight=weights),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_metrics_of_many_classes_are_scikit_learn_s(seed):
    probabilities, targets, weights = sample(seed, 5)
    predicted = probabilities.argmax(1)

    found = ClassificationMetrics(probabilities, targets, classes=5).compute(weights)

    options = {"average": "macro", "sample_weight": weights}
    expected = {
        "precision": reference.precision_score(targets, predicted, **options),
        "recall": reference.recall_score(targets, predicted, **options),
        "f1": reference.f1_score(targets, predicted, **options),
        "log_loss": -np.average(
            np.log(np.clip(probabilities[np.arange(len(targets)), targets], 1e-7, 1)), weights=weights
        ),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["loss"] == found["log_loss"]
    assert not found.keys() & {"auc", "average_precision"}


def test_metrics_of_regressions_are_scikit_learn_s(seed):
    generator = np.random.default_rng(seed)
    targets = generator.normal(10, 3, size=101)
    predictions = targets + generator.normal(0.5, 2, size=101)
    weights = generator.integers(0, 4, size=101).astype(float)

    found = RegressionMetrics(predictions, targets).compute(weights)

    pair = (targets, predictions)
    absolute = np.repeat(np.abs(predictions - targets), weights.astype(int))
    expected = {
        "rmse": reference.root_mean_squared_error(*pair, sample_weight=weights),
        "mae": reference.mean_absolute_error(*pair, sample_weight=weights),
        "median_absolute_error": np.median(absolute),
        "r2": reference.r2_score(*pair, sample_weight=weights),
        "bias": np.average(predictions - targets, weights=weights),
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("metrics", [
    ClassificationMetrics(*sample(1, 2)[:2], classes=2),
    ClassificationMetrics(*sample(1, 3)[:2], classes=3),
    RegressionMetrics(np.arange(200.0), np.arange(200.0) ** 1.1),
    MeanMetrics("mse", np.arange(200.0)),
])  # fmt: skip
def test_weights_count_records_as_often_as_they_say(metrics):
    chosen = np.arange(200) % 3 == 0
    assert metrics.compute(chosen.astype(float)) == pytest.approx(metrics.take(chosen).values())
    assert metrics.take(chosen).records == 67


@pytest.mark.parametrize(
    ("scores", "positive", "area"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 1.0),
        ([0.1, 0.9, 0.2, 0.8], [0, 0, 1, 1], 0.5),
        ([0.5, 0.5, 0.5], [1, 0, 1], 0.5),
        ([0.3, 0.3, 0.7], [0, 1, 1], 0.75),
        ([0.3, 0.7], [1, 1], 0.5),
        ([0.3, 0.7], [0, 0], 0.5),
    ],
)
def test_auc_counts_ties_half(scores, positive, area):
    probabilities = np.stack([1 - np.array(scores), scores], axis=1)
    found = ClassificationMetrics(probabilities, np.array(positive), classes=2).values()
    assert found["auc"] == pytest.approx(area)


def test_class_that_nobody_predicts_has_no_precision():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.1, 0.9, 0.0]])
    metrics = ClassificationMetrics(probabilities, np.array([0, 1, 1]), classes=3)
    assert metrics.of_classes() == [
        (1, 0.5, 1.0, pytest.approx(2 / 3)),
        (2, 1.0, 0.5, pytest.approx(2 / 3)),
        (0, 0.0, 0.0, 0.0),
    ]


def test_calibration_of_a_boaster_shows_the_distance():
    probabilities = np.array([[0.95, 0.05]] * 10 + [[0.55, 0.45]] * 10)
    targets = np.array([0, 1] * 5 + [0] * 10)
    found = ClassificationMetrics(probabilities, targets, classes=2).calibration()
    assert found == [(10, pytest.approx(0.55), 1.0), (10, pytest.approx(0.95), 0.5)]


def test_constants_are_judged_each_by_its_own_metric():
    targets = np.array([0.0, 0.0, 9.0])
    constants = ConstantMetrics(
        RegressionMetrics(np.full(3, 3.0), targets), RegressionMetrics(np.full(3, 0.0), targets)
    )
    found = constants.values()
    assert found["rmse"] == pytest.approx(np.sqrt((9 + 9 + 36) / 3))
    assert (found["mae"], found["median_absolute_error"]) == (3.0, 0.0)


def test_classes_that_no_weighted_record_has_or_is_given_count_for_nothing():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    negative = ClassificationMetrics(probabilities, np.array([0, 0, 0]), classes=2).values()
    assert (negative["precision"], negative["recall"], negative["f1"]) == (0.0, 0.0, 0.0)
    assert (negative["balanced_accuracy"], negative["average_precision"]) == (1.0, 0.0)
    three = ClassificationMetrics(np.eye(3)[[0, 1, 1]], np.array([0, 1, 2]), classes=3)
    assert three.compute(np.array([1.0, 1.0, 0.0]))["recall"] == 1.0
    assert three.compute(np.array([1.0, 1.0, 0.0]))["precision"] == 1.0
    foreign = ClassificationMetrics(np.eye(4)[[0, 3]], np.array([0, 1]), classes=2)
    assert foreign.values()["accuracy"] == 0.5


def test_calibration_has_ten_bins_and_certainty_is_in_the_last():
    confidence = np.array([0.51, 0.59, 0.65, 0.75, 0.85, 0.95, 1.0])
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    found = ClassificationMetrics(probabilities, np.zeros(7, int), classes=2).calibration()
    assert [(count, round(mean, 3)) for count, mean, _ in found] == [
        (2, 0.55), (1, 0.65), (1, 0.75), (1, 0.85), (2, 0.975),
    ]  # fmt: skip


def test_equal_labels_have_no_spread_to_explain():
    assert RegressionMetrics(np.array([1.0, 2.0]), np.array([1.0, 1.0])).values()["r2"] == 0.0


@pytest.mark.parametrize(
    ("errors", "weights", "median"),
    [([1, 2, 3], [1, 1, 1], 2), ([1, 2, 3, 9], [1, 1, 1, 1], 2.5), ([1, 5], [1, 9], 5), ([4], [1], 4),
     ([1, 2, 7], [1, 0, 1], 4)],
)  # fmt: skip
def test_median_of_weighted_errors_is_the_middle_one_or_the_mean_of_both(errors, weights, median):
    metrics = RegressionMetrics(np.array(errors, float), np.zeros(len(errors)))
    found = metrics.compute(np.array(weights, float))["median_absolute_error"]
    assert found == pytest.approx(np.median(np.repeat(errors, weights)))
    assert found == median


def test_certainty_of_the_wrong_class_has_a_finite_loss():
    found = ClassificationMetrics(np.array([[1.0, 0.0]]), np.array([1]), classes=2).values()
    assert found["log_loss"] == pytest.approx(-np.log(1e-7))


def test_operating_point_is_one_half_unless_it_is_said():
    probabilities = np.array([[0.5, 0.5], [0.51, 0.49]])
    found = ClassificationMetrics(probabilities, np.array([1, 1]), classes=2).values()
    assert (found["precision"], found["recall"]) == (1.0, 0.5)
