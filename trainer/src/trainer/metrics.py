"""Metrics of predictions on weighted records: of all of them once, and of many samples for the bootstrap."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

FRACTIONS = frozenset(
    {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "auc", "average_precision"}
)
"""Metrics from 0 to 1, whose best value is 1."""

_SMALLEST_PROBABILITY = 1e-7


class Metrics(ABC):
    """Metrics of the predictions for some records.

    Attributes:
        records: their number.
    """

    records: int

    @abstractmethod
    def compute(self, weights: Values) -> dict[str, float]:
        """Return the metrics, all finite, by name.

        Args:
            weights: how often each record counts, (records,); not all zero.
        """

    @abstractmethod
    def take(self, chosen: NDArray[np.bool_]) -> Metrics:
        """Return the metrics of some of the records.

        Args:
            chosen: (records,).
        """

    def values(self) -> dict[str, float]:
        """Return the metrics of all records, each counted once."""
        return self.compute(np.ones(self.records))


class ClassificationMetrics(Metrics):
    """Metrics of class probabilities.

    `accuracy`, the fraction of records that are classified correctly; `balanced_accuracy`, the mean recall
    over the classes; `log_loss`, the mean cross-entropy in nats, and `loss`, its older name; `precision`,
    `recall` and `f1`. With two classes these three are of the second one at the operating point, and there
    are `auc`, the area under its ROC curve, and `average_precision`; with more they are means over the
    classes that occur.

    Attributes:
        predicted: the most probable class of each record, int64 (records,).

    Args:
        probabilities: float (records, classes); columns of classes that the label lacks come last.
        targets: true classes from 0, int64 (records,).
        classes: number of the label's classes.
        operating_point: least probability of the second of two classes with which it is predicted.
    """

    def __init__(
        self,
        probabilities: NDArray[np.floating],
        targets: NDArray[np.int64],
        *,
        classes: int,
        operating_point: float = 0.5,
    ) -> None:
        self.records = len(targets)
        self._probabilities, self._targets = probabilities, targets
        self._classes, self._operating_point = classes, operating_point
        self.predicted: NDArray[np.int64] = probabilities.argmax(axis=1)
        self._correct = self.predicted == targets
        likelihood = probabilities[np.arange(len(targets)), targets].astype(np.float64)
        self._losses = -np.log(np.clip(likelihood, _SMALLEST_PROBABILITY, 1.0))
        if classes == 2:
            self._ranking = _Ranking.of(probabilities[:, 1], targets == 1)
            self._positive = probabilities[:, 1] >= operating_point

    def compute(self, weights: Values) -> dict[str, float]:
        """Return the metrics of weighted records."""
        total = weights.sum()
        per_class = np.bincount(self._targets, weights, self._classes)
        right = np.bincount(self._targets, weights * self._correct, self._classes)
        present = per_class > 0
        recall = np.divide(right, per_class, where=present, out=np.zeros(self._classes))
        loss = float(weights @ self._losses / total)
        metrics = {
            "accuracy": float(right.sum() / total),
            "balanced_accuracy": float(recall[present].mean()),
            "loss": loss,
            "log_loss": loss,
        }
        if self._classes == 2:
            true = weights * (self._targets == 1)
            predicted, found = float(weights @ self._positive), float(true @ self._positive)
            of_positive = found / true.sum() if true.sum() else 0.0
            metrics |= _precision_recall(found / predicted if predicted else 0.0, float(of_positive))
            metrics |= self._ranking.compute(weights)
        else:
            predicted_as = np.bincount(np.minimum(self.predicted, self._classes), weights, self._classes + 1)[
                : self._classes
            ]
            precision = np.divide(right, predicted_as, where=predicted_as > 0, out=np.zeros(self._classes))
            f1 = _harmonic_mean(precision, recall)
            metrics |= {
                "precision": float(precision[present].mean()),
                "recall": float(recall[present].mean()),
                "f1": float(f1[present].mean()),
            }
        return metrics

    def take(self, chosen: NDArray[np.bool_]) -> ClassificationMetrics:
        """Return the metrics of some of the records."""
        return ClassificationMetrics(
            self._probabilities[chosen],
            self._targets[chosen],
            classes=self._classes,
            operating_point=self._operating_point,
        )

    def of_classes(self) -> list[tuple[int, float, float, float]]:
        """Return records, precision, recall and F1 of each class, as the most probable one is predicted."""
        count = np.bincount(self._targets, minlength=self._classes)
        right = np.bincount(self._targets[self._correct], minlength=self._classes)
        predicted = np.bincount(self.predicted, minlength=self._classes)[: self._classes]
        zeros = np.zeros(self._classes)
        recall = np.divide(right, count, where=count > 0, out=zeros.copy())
        precision = np.divide(right, predicted, where=predicted > 0, out=zeros.copy())
        f1 = _harmonic_mean(precision, recall)
        columns = (count, precision, recall, f1)
        return [(int(n), float(p), float(r), float(f)) for n, p, r, f in zip(*columns, strict=True)]

    def calibration(self, bins: int = 10) -> list[tuple[int, float, float]]:
        """Return records, mean confidence and accuracy of each bin of confidence that has records."""
        confidence = self._probabilities.max(axis=1).astype(np.float64)
        place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
        found = []
        for index in range(bins):
            inside = place == index
            if count := int(inside.sum()):
                found.append((count, float(confidence[inside].mean()), float(self._correct[inside].mean())))
        return found


def _precision_recall(precision: float, recall: float) -> dict[str, float]:
    both = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / both if both else 0.0}


def _harmonic_mean(one: Values, other: Values) -> Values:
    both = one + other
    mean: Values = np.divide(2 * one * other, both, where=both > 0, out=np.zeros(len(one)))
    return mean


@dataclass(frozen=True)
class _Ranking:
    """Records in the order of falling scores; `starts` are the first places of equal scores."""

    order: NDArray[np.int64]
    positive: NDArray[np.bool_]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> _Ranking:
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        return cls(order, positive[order], starts)

    def compute(self, weights: Values) -> dict[str, float]:
        """Return the area under the ROC curve, ties counted half, and the average precision.

        https://scikit-learn.org/stable/modules/generated/sklearn.metrics.average_precision_score.html
        The area is 0.5 where one kind is missing.
        """
        ranked = weights[self.order]
        positives = np.add.reduceat(ranked * self.positive, self.starts)
        negatives = np.add.reduceat(ranked * ~self.positive, self.starts)
        found, false = positives.cumsum(), negatives.cumsum()
        num_positives, num_negatives = found[-1], false[-1]
        if not num_positives:
            return {"auc": 0.5, "average_precision": 0.0}
        both = found + false
        precision = np.divide(found, both, where=both > 0, out=np.zeros(len(both)))
        average = float(positives @ precision / num_positives)
        if not num_negatives:
            return {"auc": 0.5, "average_precision": average}
        below = num_negatives - false
        area = float(positives @ (below + negatives / 2) / (num_positives * num_negatives))
        return {"auc": area, "average_precision": average}


class RegressionMetrics(Metrics):
    """Metrics of predicted numbers, in the label's own unit.

    `rmse`, the root of the mean squared error; `mae` and `median_absolute_error`, mean and median of the
    absolute error; `bias`, the mean of prediction minus label; `r2`, the coefficient of determination, 0
    where all labels are equal.

    Args:
        predictions: float64 (records,).
        targets: labels, float64 (records,).
    """

    def __init__(self, predictions: Values, targets: Values) -> None:
        self.records = len(targets)
        self._predictions, self._targets = predictions, targets
        self._errors = predictions - targets
        self._absolute = np.abs(self._errors)
        self._squares = self._errors**2
        self._order = np.argsort(self._absolute, kind="stable")

    def compute(self, weights: Values) -> dict[str, float]:
        """Return the metrics of weighted records."""
        total = weights.sum()
        squares = float(weights @ self._squares)
        mean = weights @ self._targets / total
        spread = float(weights @ (self._targets - mean) ** 2)
        return {
            "rmse": float(np.sqrt(squares / total)),
            "mae": float(weights @ self._absolute / total),
            "median_absolute_error": self._median(weights),
            "bias": float(weights @ self._errors / total),
            "r2": 1 - squares / spread if spread > 0 else 0.0,
        }

    def take(self, chosen: NDArray[np.bool_]) -> RegressionMetrics:
        """Return the metrics of some of the records."""
        return RegressionMetrics(self._predictions[chosen], self._targets[chosen])

    def _median(self, weights: Values) -> float:
        below = weights[self._order].cumsum()
        ranked, half = self._absolute[self._order], below[-1] / 2
        lower = ranked[np.searchsorted(below, half, side="left")]
        upper = ranked[min(np.searchsorted(below, half, side="right"), len(ranked) - 1)]
        return float((lower + upper) / 2)


class ConstantMetrics(Metrics):
    """Metrics of the best constant for each: of the mean, and of the median for absolute errors.

    Args:
        mean: of the constant that minimizes squared errors.
        median: of the constant that minimizes absolute errors.
    """

    def __init__(self, mean: RegressionMetrics, median: RegressionMetrics) -> None:
        self.records = mean.records
        self._mean, self._median = mean, median

    def compute(self, weights: Values) -> dict[str, float]:
        """Return the metrics of weighted records."""
        absolute = self._median.compute(weights)
        names = ("mae", "median_absolute_error")
        return self._mean.compute(weights) | {name: absolute[name] for name in names}

    def take(self, chosen: NDArray[np.bool_]) -> ConstantMetrics:
        """Return the metrics of some of the records."""
        return ConstantMetrics(self._mean.take(chosen), self._median.take(chosen))


class MeanMetrics(Metrics):
    """Mean of one number for each record.

    Args:
        name: of the metric.
        values: float64 (records,).
    """

    def __init__(self, name: str, values: Values) -> None:
        self.records = len(values)
        self._name, self._values = name, values

    def compute(self, weights: Values) -> dict[str, float]:
        """Return the weighted mean."""
        return {self._name: float(weights @ self._values / weights.sum())}

    def take(self, chosen: NDArray[np.bool_]) -> MeanMetrics:
        """Return the metric of some of the records."""
        return MeanMetrics(self._name, self._values[chosen])
