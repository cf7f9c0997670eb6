"""Scores of answers that are pictures made again."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import InputError
from trainer.images.greys import grey_pictures
from trainer.records import Records, Split
from trainer.scores.score import Answers, Score, Scorer

ERROR = "error"

_PERCENTILES = tuple(range(0, 101, 5))
_MEAN_OF = 4096
_BATCH = 256


class PictureScorer(Scorer):
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

    def score(self, answers: Answers) -> Score:
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
        return grey_pictures(
            tf.data.TFRecordDataset(split.files), contract, image_size=self._image_size
        ).batch(_BATCH)


def _score(errors: NDArray[np.float32], *, finite: bool) -> Score:
    errors = np.nan_to_num(errors.astype(np.float64))
    percentiles = np.percentile(errors, _PERCENTILES).round(6)
    details = {"percentiles": list(_PERCENTILES), "values": [float(value) for value in percentiles]}
    return Score(metrics={"mse": float(errors.mean())}, details={"errors": details}, finite=finite)
