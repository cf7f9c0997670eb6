"""Bootstrap: standard errors of metrics and of their differences, over samples of the records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contract.estimates import Estimate
from trainer.metrics import FRACTIONS, Metrics

RESAMPLES = 1000
_LEAST_RESAMPLES = 200
"""Enough for a standard error: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 6.4."""
_MOST_RECORDS = 100_000_000
"""Records of all samples together: a large split needs fewer samples for the same precision in seconds."""


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """Standard errors of a model's metrics, and its differences from others.

    Attributes:
        metrics: of the model, by name.
        differences: by the other's name: the model's metrics minus the other's.
    """

    metrics: Mapping[str, Estimate]
    differences: Mapping[str, Mapping[str, Estimate]]


def bootstrap(
    model: Metrics, others: Mapping[str, Metrics], *, seed: int = 0, resamples: int = RESAMPLES
) -> Bootstrap:
    """Compute a model's metrics, and their differences from others', on samples with replacement.

    It is paired: model and others are computed on the same samples, so that what makes a record hard for both
    drops out of the difference. The records count as independent of each other.

    The standard error of a metric from 0 to 1 is never taken as less than that of one record each way in
    n + 2 (Bonett and Price, 2012, https://doi.org/10.3102/1076998611411915): two models that agree on all
    of a few records may differ on the next.

    Args:
        model: on its records.
        others: on the same records, by name.
        seed: of the samples.
        resamples: number of samples; fewer for very many records.

    Returns:
        Estimates by metric.
    """
    records = model.records
    count = max(_LEAST_RESAMPLES, min(resamples, _MOST_RECORDS // records))
    generator = np.random.default_rng(seed)
    values, other_values = model.values(), {name: other.values() for name, other in others.items()}
    sampled: dict[str, list[float]] = {name: [] for name in values}
    apart: dict[str, dict[str, list[float]]] = {
        name: {metric: [] for metric in found if metric in values} for name, found in other_values.items()
    }
    for _ in range(count):
        weights = np.bincount(generator.integers(records, size=records), minlength=records).astype(float)
        found = model.compute(weights)
        for metric, value in found.items():
            sampled[metric].append(value)
        for name, other in others.items():
            theirs = other.compute(weights)
            for metric, differences in apart[name].items():
                differences.append(found[metric] - theirs[metric])
    return Bootstrap(
        metrics={
            metric: _estimate(metric, values[metric], samples, records) for metric, samples in sampled.items()
        },
        differences={
            name: {
                metric: _estimate(metric, values[metric] - other_values[name][metric], samples, records)
                for metric, samples in by_metric.items()
            }
            for name, by_metric in apart.items()
        },
    )


def _estimate(metric: str, value: float, samples: list[float], records: int) -> Estimate:
    least = math.sqrt(2) / (records + 2) if metric in FRACTIONS else 0.0
    return Estimate(value=value, standard_error=max(float(np.std(samples, ddof=1)), least))
