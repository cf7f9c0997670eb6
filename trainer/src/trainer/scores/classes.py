"""Scores of answers that name a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import InputError
from trainer.records import Records, Split, check_label
from trainer.scores.score import Answers, Score, Scorer

PROBABILITIES = "probabilities"

_SMALLEST_PROBABILITY = 1e-7


class ClassScorer(Scorer):
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

    def score(self, answers: Answers) -> Score:
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

    def _in_order(self, answers: Answers) -> NDArray[np.float32]:
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
