"""Evaluators: metrics of predictions and of a constant baseline, for each kind of prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.estimates import Calibration, CalibrationBin, ClassEvaluation
from trainer.adapter import ERROR, PREDICTIONS, PROBABILITIES
from trainer.errors import InputError
from trainer.examples import Predictions
from trainer.images import grayscale_images
from trainer.metrics import ClassificationMetrics, ConstantMetrics, MeanMetrics, Metrics, RegressionMetrics
from trainer.records import Records, Split, check_label

_PERCENTILES = tuple(range(0, 101, 5))
_MAX_PAIRS = 500
_MEAN_IMAGES = 4096
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Score:
    """Metrics of predictions.

    Attributes:
        metrics: by name, all finite.
        sample: the predictions, for metrics of some records or of samples of them.
        details: plain JSON values for plots, by field of `contract.artifacts.Evaluation`.
        finite: no prediction was NaN or infinite.
    """

    metrics: Mapping[str, float]
    sample: Metrics
    details: Mapping[str, Any]
    finite: bool

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())


class Evaluator(ABC):
    """Metrics of predictions on one dataset.

    Attributes:
        baseline_kind: name of the constant baseline.
    """

    baseline_kind: str

    @abstractmethod
    def evaluate(self, predictions: Predictions) -> Score:
        """Compare predictions with the labels of the records.

        Raises:
            InputError: the predictions are not of this kind, or of other classes.
        """

    @abstractmethod
    def baseline(self, split: Split, targets: NDArray[Any]) -> Score:
        """Evaluate the constant prediction that fits the training split best.

        Args:
            split: the records to predict.
            targets: their labels.
        """


class ClassificationEvaluator(Evaluator):
    """Metrics of class probabilities.

    Metrics: those of `trainer.metrics.ClassificationMetrics`. Details: `confusion_matrix`, records by true
    (row) and predicted class; `classes`; `calibration`.

    Args:
        records: the dataset.
        operating_point: least probability of the second of two classes with which it is predicted.

    Raises:
        ContractError: the dataset's label has no classes.
    """

    baseline_kind = "majority_class"

    def __init__(self, records: Records, *, operating_point: float = 0.5) -> None:
        check_label(records.contract, classes=True)
        self._operating_point = operating_point
        self._labels = records.labels
        # One more of each, so that a label that was never seen is unlikely, not impossible.
        counts = np.array(records.train_label_counts, np.float64) + 1
        self._priors = (counts / counts.sum()).astype(np.float32)

    def evaluate(self, predictions: Predictions) -> Score:
        """Compare predictions with labels; match the classes by name where the export lists them.

        A version from before a class was added can still be compared: it just never predicts the new one.
        """
        _check_output(predictions, PROBABILITIES)
        probabilities = self._in_order(predictions)
        return self._score(probabilities, predictions.targets, finite=predictions.finite)

    def baseline(self, _split: Split, targets: NDArray[Any]) -> Score:
        """Predict the majority class of the training split, with the class priors as probabilities."""
        constant = np.broadcast_to(self._priors, (len(targets), len(self._priors)))
        return self._score(constant, targets, finite=True)

    def _score(
        self, probabilities: NDArray[np.float32], targets: NDArray[np.int64], *, finite: bool
    ) -> Score:
        classes = len(self._labels)
        sample = ClassificationMetrics(
            np.nan_to_num(probabilities), targets, classes=classes, operating_point=self._operating_point
        )
        return Score(
            metrics=sample.values(), sample=sample, details=self._details(sample, targets), finite=finite
        )

    def _details(self, sample: ClassificationMetrics, targets: NDArray[np.int64]) -> dict[str, Any]:
        classes, predicted = len(self._labels), sample.predicted
        confusion = np.zeros((classes, classes), np.int64)
        known = predicted < classes
        np.add.at(confusion, (targets[known], predicted[known]), 1)
        bins = [CalibrationBin(examples=n, confidence=c, accuracy=a) for n, c, a in sample.calibration()]
        error = sum(one.examples * abs(one.confidence - one.accuracy) for one in bins) / len(targets)
        return {
            "confusion_matrix": tuple(map(tuple, confusion.tolist())),
            "classes": tuple(
                ClassEvaluation(label=label, examples=n, precision=p, recall=r, f1=f)
                for label, (n, p, r, f) in zip(self._labels, sample.of_classes(), strict=True)
            ),
            "calibration": Calibration(expected_error=error, bins=tuple(bins)),
        }

    def _in_order(self, predictions: Predictions) -> NDArray[np.float32]:
        """Reorder probabilities of a model's own classes to the dataset's; unknown classes come last."""
        probabilities, known = predictions.outputs[PROBABILITIES], predictions.known_labels
        width = probabilities.shape[1]
        if known is None:
            if width != len(self._labels):
                raise InputError(
                    f"classes of {predictions.source}", expected=str(len(self._labels)), received=width
                )
            return probabilities
        if tuple(known) == self._labels:
            return probabilities
        columns = _columns(self._labels, known)
        ordered = np.zeros((len(probabilities), columns.max(initial=len(self._labels) - 1) + 1), np.float32)
        ordered[:, columns] = probabilities
        return ordered


def _columns(labels: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """Return the index of each known class among the labels; those that are none of them follow."""
    others = [label for label in known if label not in labels]
    place = {label: column for column, label in enumerate([*labels, *others])}
    return np.array([place[label] for label in known])


class RegressionEvaluator(Evaluator):
    """Metrics of predicted numbers, in the label's own unit.

    Metrics: those of `trainer.metrics.RegressionMetrics`. Details: `residuals`, percentiles of prediction
    minus label, and some pairs of label and prediction.

    Raises:
        ContractError: the dataset's label is no number.
    """

    baseline_kind = "constant"

    def __init__(self, records: Records) -> None:
        check_label(records.contract, classes=False)
        self._label = records.statistics.numbers[records.contract.label.name]

    def evaluate(self, predictions: Predictions) -> Score:
        """Compare predictions with labels."""
        _check_output(predictions, PREDICTIONS)
        values = np.nan_to_num(predictions.outputs[PREDICTIONS].reshape(-1).astype(np.float64))
        targets = predictions.targets.astype(np.float64)
        errors = values - targets
        step = -(-len(errors) // _MAX_PAIRS)
        pairs = np.stack([targets, values], axis=1)[::step].round(4)
        residuals = {
            "percentiles": list(_PERCENTILES),
            "values": [float(value) for value in np.percentile(errors, _PERCENTILES).round(4)],
            "examples": pairs.tolist(),
        }
        sample = RegressionMetrics(values, targets)
        return Score(
            metrics=sample.values(),
            sample=sample,
            details={"residuals": residuals},
            finite=predictions.finite,
        )

    def baseline(self, _split: Split, targets: NDArray[Any]) -> Score:
        """Predict the best constant: the training split's mean, and its median for absolute errors."""
        label, targets = self._label, targets.astype(np.float64)
        median = label.quantiles[len(label.quantiles) // 2]
        sample = ConstantMetrics(
            RegressionMetrics(np.full(len(targets), label.mean), targets),
            RegressionMetrics(np.full(len(targets), median), targets),
        )
        return Score(metrics=sample.values(), sample=sample, details={}, finite=True)


class ReconstructionEvaluator(Evaluator):
    """Metrics of reconstructions, from the error that the model itself gives for each image.

    Metrics: `mse`, the mean squared error of a pixel from 0 to 1. Details: `errors`, its percentiles over the
    images.

    Args:
        records: the dataset.
        image_size: side of the reconstructed images, in pixels.
    """

    baseline_kind = "mean_image"

    def __init__(self, records: Records, *, image_size: int) -> None:
        self._records = records
        self._image_size = image_size

    def evaluate(self, predictions: Predictions) -> Score:
        """Return the mean of the errors."""
        _check_output(predictions, ERROR)
        return _score(predictions.outputs[ERROR], finite=predictions.finite)

    def baseline(self, split: Split, _targets: NDArray[Any]) -> Score:
        """Predict the mean of the first training images for each image."""
        errors = [
            np.mean((batch - self._mean) ** 2, axis=(1, 2, 3))
            for batch in self._images(split).as_numpy_iterator()
        ]
        return _score(np.concatenate(errors), finite=True)

    @cached_property
    def _mean(self) -> NDArray[np.float32]:
        """Mean of the first training images, float32 (size, size, 1)."""
        total, count = np.zeros((self._image_size, self._image_size, 1)), 0
        first = self._images(self._records.train).take(_MEAN_IMAGES // _BATCH)
        for batch in first.as_numpy_iterator():
            total += batch.sum(axis=0, dtype=np.float64)
            count += len(batch)
        return (total / count).astype(np.float32)

    def _images(self, split: Split) -> tf.data.Dataset:
        contract = self._records.contract
        return grayscale_images(split.read(), contract, image_size=self._image_size).batch(_BATCH)


def _score(of_images: NDArray[np.float32], *, finite: bool) -> Score:
    errors = np.nan_to_num(of_images.astype(np.float64))
    percentiles = np.percentile(errors, _PERCENTILES).round(6)
    details = {"percentiles": list(_PERCENTILES), "values": [float(value) for value in percentiles]}
    sample = MeanMetrics("mse", errors)
    return Score(metrics=sample.values(), sample=sample, details={"errors": details}, finite=finite)


def _check_output(predictions: Predictions, output: str) -> None:
    if output not in predictions.outputs:
        raise InputError(
            f"outputs of {predictions.source}", expected=output, received=sorted(predictions.outputs)
        )
