"""Estimates of an evaluation: values with their standard errors, of all records, of slices and classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
"""Of the intervals that are shown to people: of 100 of them about 95 hold the true value."""

_NORMAL = NormalDist()

_GROWTH = 1.3
"""Standard error under a noticeable loss, as a multiple of that without one, found by simulation of errors
with an exponential distribution: `benchmarks/gate_power.py`."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value and its standard error, both in the metric's unit.

    Intervals are the bootstrap's normal intervals: Efron and Tibshirani, An Introduction to the Bootstrap
    (1993), chapter 13.

    Attributes:
        value: of a metric, or of the difference of a metric between two models.
        standard_error: standard deviation of the value over samples of as many records.
    """

    value: float
    standard_error: float

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the two-sided interval of a confidence, from 0 to 1."""
        return self.bound(-1, (1 + confidence) / 2), self.bound(1, (1 + confidence) / 2)

    def bound(self, sign: int, confidence: float) -> float:
        """Return a one-sided bound: with sign 1 the upper one, with -1 the lower one."""
        return self.value + sign * _NORMAL.inv_cdf(confidence) * self.standard_error

    def __neg__(self) -> Estimate:
        return Estimate(value=-self.value, standard_error=self.standard_error)


def noticeable_loss(
    standard_error: float, *, confidence: float, power: float, examples: int | None = None
) -> float:
    """Return the true loss that a one-sided test notices with a probability of `power`.

    It is the minimum detectable effect, (z(confidence) + z(power)) * standard error, where a loss adds to the
    variance, too: a fraction that is lower by L has L * n records more that only one model gets right.
    https://en.wikipedia.org/wiki/Power_of_a_test

    Args:
        standard_error: of the difference, as found between models that may be equal.
        confidence: of the test.
        power: the probability.
        examples: number of records of a metric that is a fraction; None for a mean of errors without bound,
            which vary more as they grow.
    """
    factor = _NORMAL.inv_cdf(confidence) + _NORMAL.inv_cdf(power)
    if examples is None:
        return factor * standard_error * _GROWTH
    # The positive root of L**2 = factor**2 * (standard_error**2 + L / n).
    linear = factor**2 / examples
    return (linear + math.sqrt(linear**2 + 4 * (factor * standard_error) ** 2)) / 2


def is_finite(estimate: Estimate) -> bool:
    """Return True if value and standard error are finite numbers."""
    return math.isfinite(estimate.value) and math.isfinite(estimate.standard_error)


@dataclass(frozen=True, kw_only=True)
class SliceEvaluation:
    """The model on the validation records that share a value of one feature.

    Attributes:
        feature: its name.
        value: the value, or the range of values, as text.
        examples: number of records.
        metrics: by name, with their standard errors.
        difference: metrics minus those of the version in production; empty without a comparison.
    """

    feature: str
    value: str
    examples: int
    metrics: Mapping[str, Estimate]
    difference: Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class ClassEvaluation:
    """The model on one class of the label.

    Attributes:
        label: the class.
        examples: number of its records.
        precision: fraction of the records predicted as this class that are of it; 0 without any.
        recall: fraction of its records that are predicted as it; 0 without any.
        f1: harmonic mean of both.
    """

    label: str
    examples: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """Records whose highest probability is in one tenth of the range.

    Attributes:
        examples: number of records.
        confidence: mean of the highest probabilities.
        accuracy: fraction that is classified correctly.
    """

    examples: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Agreement of probabilities with frequencies.

    Attributes:
        expected_error: mean distance of confidence and accuracy over the bins, weighted by their records
            (ECE: https://arxiv.org/abs/1706.04599, equation 3).
        bins: without empty ones, by rising confidence.
    """

    expected_error: float
    bins: tuple[CalibrationBin, ...]
