"""Scores of answers that are a number."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import InputError
from trainer.records import Records, Split, check_label
from trainer.scores.score import Answers, Score, Scorer

PREDICTIONS = "predictions"

_SHOWN = 500
_PERCENTILES = tuple(range(0, 101, 5))


class NumberScorer(Scorer):
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

    def score(self, answers: Answers) -> Score:
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
