"""A job that is one trial of a hyper-parameter tuning."""

from __future__ import annotations

import os
from collections.abc import Mapping

import hypertune


def report_trial(metrics: Mapping[str, float], *, step: int) -> None:
    """Tell the service how good this trial is; elsewhere, nothing.

    https://cloud.google.com/vertex-ai/docs/training/code-requirements#hp-tuning-metric

    Args:
        metrics: of the validation side, each reported under its own name.
        step: at which the model is.
    """
    if "CLOUD_ML_TRIAL_ID" not in os.environ:
        return
    reporter = hypertune.HyperTune()
    for name, value in metrics.items():
        reporter.report_hyperparameter_tuning_metric(name, value, global_step=step)
