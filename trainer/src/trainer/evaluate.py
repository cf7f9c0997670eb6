"""Scores exports and baselines on the same validation records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import InputError
from trainer.export import ExportedModel, Predictions
from trainer.input_pipeline import image_feature
from trainer.records import Records, example_features

_FILENAME = "image/filename"
_SMALLEST_PROBABILITY = 1e-7


@dataclass(frozen=True, kw_only=True)
class Example:
    """A validation record.

    Attributes:
        image: the JPEG file.
        label: from 0.
        filename: its path in the source, empty where the records don't say.
    """

    image: bytes
    label: int
    filename: str


@dataclass(frozen=True, kw_only=True)
class Score:
    """How good predictions are.

    Attributes:
        accuracy: share of the records that were classified rightly.
        balanced_accuracy: mean over the classes of the share of their records that were classified rightly.
        loss: mean cross-entropy, in nats.
        confusion_matrix: int64 (classes, classes): records by true (row) and predicted class.
        finite: whether every probability is a number.
    """

    accuracy: float
    balanced_accuracy: float
    loss: float
    confusion_matrix: NDArray[np.int64]
    finite: bool

    def metrics(self) -> dict[str, float]:
        """The figures by name."""
        return {"accuracy": self.accuracy, "balanced_accuracy": self.balanced_accuracy, "loss": self.loss}


def validation_examples(records: Records) -> Iterator[Example]:
    """Every validation record, in the order of the shards."""
    image, label = image_feature(records.contract), records.contract.label
    filenames = [feature for feature in records.contract.features if feature.name == _FILENAME]
    spec = example_features([image, label, *filenames])
    dataset = tf.data.TFRecordDataset(records.validation.files).map(
        lambda record: tf.io.parse_single_example(record, spec)
    )
    for example in dataset.as_numpy_iterator():
        yield Example(
            image=example[image.name],
            label=int(example[label.name]) - label.first_index,
            filename=example.get(_FILENAME, b"").decode(),
        )


def score_export(export: ExportedModel, records: Records, *, batch_size: int) -> tuple[Score, Predictions]:
    """Score an export through its own signature.

    Where it says which labels it knows, they are matched by name: a version from before a label was added can
    still be compared, it just never finds the new one.

    Args:
        export: read from disk.
        records: the dataset whose validation side counts.
        batch_size: images per call.

    Raises:
        InputError: the export has other classes than the dataset and doesn't say which.
    """
    answers, labels = [], []
    batch: list[Example] = []
    for example in validation_examples(records):
        labels.append(example.label)
        batch.append(example)
        if len(batch) == batch_size:
            answers.append(export.predict([e.image for e in batch]))
            batch = []
    if batch:
        answers.append(export.predict([e.image for e in batch]))
    predictions = _in_order_of(
        records.labels,
        Predictions(
            classes=np.concatenate([answer.classes for answer in answers]),
            probabilities=np.concatenate([answer.probabilities for answer in answers]),
        ),
        known=export.labels(),
        where=str(export.folder),
    )
    return score(predictions, np.array(labels), classes=len(records.labels)), predictions


def score_majority_class(records: Records) -> Score:
    """Score the constant answer: the commonest training label, with the labels' shares as probabilities."""
    counts = np.array(records.train.label_counts, np.float64)
    # One more of each, so that a label that was never seen is unlikely, not impossible.
    shares = ((counts + 1) / (counts + 1).sum()).astype(np.float32)
    labels = np.repeat(np.arange(len(counts)), records.validation.label_counts)
    constant = Predictions(
        classes=np.full(len(labels), counts.argmax(), np.int64),
        probabilities=np.broadcast_to(shares, (len(labels), len(shares))),
    )
    return score(constant, labels, classes=len(counts))


def score(predictions: Predictions, labels: NDArray[np.int64], *, classes: int) -> Score:
    """Compare predictions with labels.

    Args:
        predictions: of some records; a class of `classes` or above counts as wrong.
        labels: of the same records, from 0; int64 (records,).
        classes: how many the dataset has.
    """
    confusion = np.zeros((classes, classes), np.int64)
    known = predictions.classes < classes
    np.add.at(confusion, (labels[known], predictions.classes[known]), 1)
    per_class = np.bincount(labels, minlength=classes)
    present = per_class > 0
    likelihood = np.nan_to_num(predictions.probabilities)[np.arange(len(labels)), labels]
    return Score(
        accuracy=float(confusion.trace() / len(labels)),
        balanced_accuracy=float(np.mean(confusion.diagonal()[present] / per_class[present])),
        loss=float(-np.log(np.clip(likelihood, _SMALLEST_PROBABILITY, 1.0)).mean()),
        confusion_matrix=confusion,
        finite=bool(np.isfinite(predictions.probabilities).all()),
    )


def _in_order_of(
    labels: Sequence[str], predictions: Predictions, *, known: Sequence[str] | None, where: str
) -> Predictions:
    """Predictions over a model's own labels as predictions over the dataset's; unknown classes come last."""
    width = predictions.probabilities.shape[1]
    if known is None:
        if width != len(labels):
            raise InputError(f"classes of {where}", expected=str(len(labels)), received=width)
        return predictions
    if tuple(known) == tuple(labels):
        return predictions
    column_of = {label: column for column, label in enumerate([*labels, *(set(known) - set(labels))])}
    columns = np.array([column_of[label] for label in known])
    probabilities = np.zeros((len(predictions.classes), len(column_of)), np.float32)
    probabilities[:, columns] = predictions.probabilities
    return Predictions(classes=columns[predictions.classes], probabilities=probabilities)
