"""Evaluators: metrics of predictions and of a constant baseline, by kind of prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import InputError
from trainer.examples import Predictions
from trainer.images import grayscale_images
from trainer.records import Records, Split, check_label


@dataclass(frozen=True, kw_only=True)
class Score:
    """How good answers are.

    Attributes:
        metrics: figures by name, all finite.
        details: what a report draws, as plain JSON values by name.
        finite: whether every number of the answers was one.
    """

    metrics: Mapping[str, float]
    details: Mapping[str, Any]
    finite: bool

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())


class Evaluator(ABC):
    """Scores answers about one dataset.

    Attributes:
        baseline_kind: names the constant answer.
    """

    baseline_kind: str

    @abstractmethod
    def score(self, answers: Predictions) -> Score:
        """Compare answers with the records' labels.

        Raises:
            InputError: the answers are not of this kind, or of other classes.
        """

    @abstractmethod
    def baseline(self, split: Split, targets: NDArray[Any]) -> Score:
        """Score the constant answer that suits the training side best.

        Args:
            split: the records that are judged.
            targets: their labels.
        """


PROBABILITIES = "probabilities"
_SMALLEST_PROBABILITY = 1e-7


class ClassificationEvaluator(Evaluator):
    """Scores probabilities of classes.

    Metrics: `accuracy`, the share of records that were classified rightly; `balanced_accuracy`, the mean of
    that share over the classes; `loss`, the mean cross-entropy in nats; and with two classes `auc`, the area
    under the ROC curve for the second one. Details: `confusion_matrix`, records by true (row) and predicted
    class.

    Raises:
        ContractError: the dataset's label has no classes.
    """

    baseline_kind = "majority_class"

    def __init__(self, records: Records) -> None:
        check_label(records.contract, classes=True)
        self._labels = records.labels
        # One more of each, so that a label that was never seen is unlikely, not impossible.
        counts = np.array(records.train_label_counts, np.float64) + 1
        self._shares = (counts / counts.sum()).astype(np.float32)

    def score(self, answers: Predictions) -> Score:
        """Compare; where the model says which classes it knows, they are matched by name.

        So a version from before a class was added can still be compared: it just never finds the new one.
        """
        if PROBABILITIES not in answers.outputs:
            raise InputError(
                f"outputs of {answers.source}", expected=PROBABILITIES, received=sorted(answers.outputs)
            )
        probabilities = self._in_order(answers)
        return self._score(probabilities, answers.targets, finite=answers.finite)

    def baseline(self, _split: Split, targets: NDArray[Any]) -> Score:
        """The commonest training label, with the labels' shares as probabilities."""
        constant = np.broadcast_to(self._shares, (len(targets), len(self._shares)))
        return self._score(constant, targets, finite=True)

    def _score(
        self, probabilities: NDArray[np.float32], targets: NDArray[np.int64], *, finite: bool
    ) -> Score:
        classes = len(self._labels)
        probabilities = np.nan_to_num(probabilities)
        predicted = probabilities.argmax(axis=1)
        confusion = np.zeros((classes, classes), np.int64)
        known = predicted < classes
        np.add.at(confusion, (targets[known], predicted[known]), 1)
        per_class = np.bincount(targets, minlength=classes)
        present = per_class > 0
        likelihood = probabilities[np.arange(len(targets)), targets]
        metrics = {
            "accuracy": float(confusion.trace() / len(targets)),
            "balanced_accuracy": float(np.mean(confusion.diagonal()[present] / per_class[present])),
            "loss": float(-np.log(np.clip(likelihood, _SMALLEST_PROBABILITY, 1.0)).mean()),
        }
        if classes == 2:
            metrics["auc"] = area_under_roc(probabilities[:, 1], targets == 1)
        return Score(metrics=metrics, details={"confusion_matrix": confusion.tolist()}, finite=finite)

    def _in_order(self, answers: Predictions) -> NDArray[np.float32]:
        """Probabilities over a model's own classes as ones over the dataset's; unknown classes come last."""
        probabilities, known = answers.outputs[PROBABILITIES], answers.known_labels
        width = probabilities.shape[1]
        if known is None:
            if width != len(self._labels):
                raise InputError(
                    f"classes of {answers.source}", expected=str(len(self._labels)), received=width
                )
            return probabilities
        if tuple(known) == self._labels:
            return probabilities
        columns = _columns(self._labels, known)
        ordered = np.zeros((len(probabilities), columns.max(initial=len(self._labels) - 1) + 1), np.float32)
        ordered[:, columns] = probabilities
        return ordered


def _columns(labels: Sequence[str], known: Sequence[str]) -> NDArray[np.int64]:
    """Where each known class is among the labels; those that are none of them follow."""
    others = [label for label in known if label not in labels]
    place = {label: column for column, label in enumerate([*labels, *others])}
    return np.array([place[label] for label in known])


def area_under_roc(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """The probability that a positive record scores higher than a negative one; ties count half.

    It is the Mann-Whitney statistic: https://en.wikipedia.org/wiki/Mann-Whitney_U_test

    Args:
        scores: (records,).
        positive: which records are; (records,).

    Returns:
        0.5 where one kind is missing.
    """
    positives = int(positive.sum())
    pairs = positives * (len(positive) - positives)
    if not pairs:
        return 0.5
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / pairs)


PREDICTIONS = "predictions"
_SHOWN = 500
_PERCENTILES = tuple(range(0, 101, 5))


class RegressionEvaluator(Evaluator):
    """Scores predicted numbers, in the label's own unit.

    Metrics: `rmse`, the root of the mean squared error; `mae`, the mean absolute error; `bias`, the mean of
    prediction minus label. Details: `residuals`, percentiles of prediction minus label, and some pairs of
    label and prediction.

    Raises:
        ContractError: the dataset's label is no number.
    """

    baseline_kind = "constant"

    def __init__(self, records: Records) -> None:
        check_label(records.contract, classes=False)
        self._label = records.statistics.numbers[records.contract.label.name]

    def score(self, answers: Predictions) -> Score:
        """Compare."""
        if PREDICTIONS not in answers.outputs:
            raise InputError(
                f"outputs of {answers.source}", expected=PREDICTIONS, received=sorted(answers.outputs)
            )
        predictions = np.nan_to_num(answers.outputs[PREDICTIONS].reshape(-1).astype(np.float64))
        targets = answers.targets.astype(np.float64)
        errors = predictions - targets
        step = -(-len(errors) // _SHOWN)
        pairs = np.stack([targets, predictions], axis=1)[::step].round(4)
        residuals = {
            "percentiles": list(_PERCENTILES),
            "values": [float(value) for value in np.percentile(errors, _PERCENTILES).round(4)],
            "examples": pairs.tolist(),
        }
        return Score(metrics=_metrics(errors), details={"residuals": residuals}, finite=answers.finite)

    def baseline(self, _split: Split, targets: NDArray[Any]) -> Score:
        """For each metric its best constant: the training side's mean, and its median for `mae`."""
        label, targets = self._label, targets.astype(np.float64)
        median = label.quantiles[len(label.quantiles) // 2]
        metrics = {**_metrics(label.mean - targets), "mae": float(np.abs(median - targets).mean())}
        return Score(metrics=metrics, details={}, finite=True)


def _metrics(errors: NDArray[np.float64]) -> dict[str, float]:
    return {
        "rmse": float(np.sqrt((errors**2).mean())),
        "mae": float(np.abs(errors).mean()),
        "bias": float(errors.mean()),
    }


ERROR = "error"
_PERCENTILES = tuple(range(0, 101, 5))
_MEAN_OF = 4096
_BATCH = 256


class ReconstructionEvaluator(Evaluator):
    """Scores reconstructions by the error that the model itself tells of each picture.

    Metrics: `mse`, the mean squared error of a pixel from 0 to 1. Details: `errors`, its percentiles over the
    pictures.

    Args:
        records: the dataset.
        image_size: side of the pictures that the model makes, in pixels.
    """

    baseline_kind = "mean_picture"

    def __init__(self, records: Records, *, image_size: int) -> None:
        self._records = records
        self._image_size = image_size

    def score(self, answers: Predictions) -> Score:
        """Take the mean of the errors."""
        if ERROR not in answers.outputs:
            raise InputError(f"outputs of {answers.source}", expected=ERROR, received=sorted(answers.outputs))
        return _score(answers.outputs[ERROR], finite=answers.finite)

    def baseline(self, split: Split, _targets: NDArray[Any]) -> Score:
        """The mean of the first training pictures in place of each picture."""
        errors = [
            np.mean((batch - self._mean) ** 2, axis=(1, 2, 3))
            for batch in self._pictures(split).as_numpy_iterator()
        ]
        return _score(np.concatenate(errors), finite=True)

    @cached_property
    def _mean(self) -> NDArray[np.float32]:
        """The mean of the first training pictures, float32 (size, size, 1)."""
        total, count = np.zeros((self._image_size, self._image_size, 1)), 0
        first = self._pictures(self._records.train).take(_MEAN_OF // _BATCH)
        for batch in first.as_numpy_iterator():
            total += batch.sum(axis=0, dtype=np.float64)
            count += len(batch)
        return (total / count).astype(np.float32)

    def _pictures(self, split: Split) -> tf.data.Dataset:
        contract = self._records.contract
        return grayscale_images(
            tf.data.TFRecordDataset(split.files), contract, image_size=self._image_size
        ).batch(_BATCH)


def _score(errors: NDArray[np.float32], *, finite: bool) -> Score:
    errors = np.nan_to_num(errors.astype(np.float64))
    percentiles = np.percentile(errors, _PERCENTILES).round(6)
    details = {"percentiles": list(_PERCENTILES), "values": [float(value) for value in percentiles]}
    return Score(metrics={"mse": float(errors.mean())}, details={"errors": details}, finite=finite)
