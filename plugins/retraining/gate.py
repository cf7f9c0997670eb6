"""Decides whether a model may be promoted: evaluation and spec in, a verdict with its reasons out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract import DataContract, GateSpec
from retraining.evaluation import Evaluation

_ABBREVIATIONS = frozenset({"auc", "mae", "mse", "rmse"})

PARITY_TOLERANCE = 1e-3
"""How far an export's outputs may be from the trained model's: more is another model, not rounding."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One condition and how it came out.

    Attributes:
        name: which condition.
        passed: whether it holds.
        blocking: whether the export is broken without it; other conditions only forbid the promotion.
        expected: what would do.
        received: what was found.
        sentence: the outcome, for people.
    """

    name: str
    passed: bool
    blocking: bool
    expected: str
    received: str
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The check as plain JSON values."""
        return {
            "name": self.name,
            "passed": self.passed,
            "expected": self.expected,
            "received": self.received,
        }


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What the checks come to."""

    checks: tuple[Check, ...]

    @property
    def promote(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def broken(self) -> tuple[str, ...]:
        """Why the export can't be used at all; empty if it can."""
        return tuple(check.sentence for check in self.checks if check.blocking and not check.passed)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not, if it may not be promoted; else why."""
        return tuple(check.sentence for check in self.checks if check.passed == self.promote)

    def to_json(self) -> dict[str, Any]:
        """The text of `gate.json`, as plain JSON values."""
        return {
            "promote": self.promote,
            "reasons": list(self.reasons),
            "checks": [check.to_json() for check in self.checks],
        }


def evaluate_gate(
    evaluation: Evaluation, gate: GateSpec, *, contract: DataContract, model_bytes: int
) -> GateResult:
    """The verdict on a model.

    Args:
        evaluation: what the training run found.
        gate: what the model must reach.
        contract: what the model's inputs follow from.
        model_bytes: the export's size as stored.
    """
    checks = [_signature(evaluation, contract), _finite(evaluation), _parity(evaluation)]
    checks.append(_size(model_bytes, gate))
    value = evaluation.metrics.get(gate.metric, math.nan)
    checks.append(_threshold(value, gate))
    checks.append(_trivial_baseline(value, evaluation.trivial_metrics, gate))
    if evaluation.production_version is not None:
        checks.append(_production(value, evaluation, gate))
    return GateResult(checks=tuple(checks))


def signature_inputs(contract: DataContract) -> frozenset[str]:
    """What a model of this dataset is asked with: the encoded image, or one input for each feature."""
    if contract.record_format in ("image", "idx"):
        return frozenset({"image_bytes"})
    return frozenset(feature.name for feature in contract.features if feature.role == "input")


def _signature(evaluation: Evaluation, contract: DataContract) -> Check:
    expected = signature_inputs(contract)
    passed = evaluation.inputs == expected and bool(evaluation.outputs)
    takes = ", ".join(sorted(evaluation.inputs)) or "nothing"
    gives = ", ".join(sorted(evaluation.outputs)) or "nothing"
    wanted = ", ".join(sorted(expected))
    return Check(
        name="signature", passed=passed, blocking=True,
        expected=f"takes {wanted}", received=f"takes {takes}, gives {gives}",
        sentence=f"The export takes {takes} and gives {gives}"
        + ("." if passed else f"; expected it to take {wanted}."),
    )  # fmt: skip


def _finite(evaluation: Evaluation) -> Check:
    found = "finite numbers" if evaluation.finite else "NaN or infinite numbers"
    return Check(
        name="finite", passed=evaluation.finite, blocking=True, expected="finite numbers", received=found,
        sentence=f"The export's outputs on {evaluation.examples} validation records are {found}."
        if evaluation.finite
        else f"Among the export's outputs on {evaluation.examples} validation records are {found}.",
    )  # fmt: skip


def _parity(evaluation: Evaluation) -> Check:
    difference = evaluation.parity_max_abs_difference
    passed = difference <= PARITY_TOLERANCE  # False for NaN
    return Check(
        name="parity", passed=passed, blocking=True,
        expected=f"at most {PARITY_TOLERANCE:g}", received=f"{difference:g}",
        sentence=f"The export differs from the trained model by at most {difference:.2g}"
        + ("." if passed else f"; expected at most {PARITY_TOLERANCE:g}."),
    )  # fmt: skip


def _size(model_bytes: int, gate: GateSpec) -> Check:
    passed = model_bytes <= gate.max_model_bytes
    size, limit = f"{model_bytes / 1e6:.1f} MB", f"{gate.max_model_bytes / 1e6:.1f} MB"
    return Check(
        name="size", passed=passed, blocking=False, expected=f"at most {limit}", received=size,
        sentence=f"The export has {size}, " + ("within" if passed else "over") + f" the limit of {limit}.",
    )  # fmt: skip


def _threshold(value: float, gate: GateSpec) -> Check:
    passed = _reaches(value, gate.threshold, gate)
    return Check(
        name="threshold", passed=passed, blocking=False,
        expected=_at_best(gate.threshold, gate), received=_metric(value, gate),
        sentence=f"{_beginning(_metric(value, gate))} "
        + ("reaches" if passed else "misses")
        + f" the threshold of {gate.threshold:.4g}.",
    )  # fmt: skip


def _trivial_baseline(value: float, trivial: Mapping[str, float], gate: GateSpec) -> Check:
    baseline = trivial.get(gate.metric, math.nan)
    bound = baseline + (gate.baseline_margin if gate.direction == "higher" else -gate.baseline_margin)
    passed = _reaches(value, bound, gate)
    return Check(
        name="trivial_baseline", passed=passed, blocking=False,
        expected=_at_best(bound, gate), received=_metric(value, gate),
        sentence=f"{_beginning(_metric(value, gate))} "
        + ("beats" if passed else "does not beat")
        + f" a constant answer's {baseline:.4g} by the margin of {gate.baseline_margin:.4g}.",
    )  # fmt: skip


def _production(value: float, evaluation: Evaluation, gate: GateSpec) -> Check:
    production = evaluation.production_metrics.get(gate.metric, math.nan)
    bound = production - (gate.production_margin if gate.direction == "higher" else -gate.production_margin)
    passed = _reaches(value, bound, gate)
    return Check(
        name="production", passed=passed, blocking=False,
        expected=_at_best(bound, gate), received=_metric(value, gate),
        sentence=f"{_beginning(_metric(value, gate))} is "
        + ("no worse" if passed else "worse")
        + f" than the {production:.4g} of version {evaluation.production_version} in production"
        + (f", with a margin of {gate.production_margin:.4g}." if gate.production_margin else "."),
    )  # fmt: skip


def _reaches(value: float, bound: float, gate: GateSpec) -> bool:
    """Whether a value is at least as good as a bound; never for NaN."""
    return value >= bound if gate.direction == "higher" else value <= bound


def _at_best(bound: float, gate: GateSpec) -> str:
    return f"{_name(gate)} of at {'least' if gate.direction == 'higher' else 'most'} {bound:.4g}"


def _metric(value: float, gate: GateSpec) -> str:
    if math.isnan(value):
        return f"{_name(gate)} (not in the evaluation)"
    return f"{_name(gate)} {value:.4g}"


def _name(gate: GateSpec) -> str:
    return gate.metric.upper() if gate.metric in _ABBREVIATIONS else gate.metric


def _beginning(words: str) -> str:
    """Words at the beginning of a sentence."""
    return words[0].upper() + words[1:]
