"""Decisions on a model: its promotion, by evaluation and spec, and the answers to golden requests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from contract import DataContract, GateSpec
from contract.artifacts import Evaluation, GateCheck, GateResult, GoldenRequest, ProductionEvaluation

_ABBREVIATIONS = frozenset({"auc", "mae", "mse", "rmse"})

PARITY_TOLERANCE = 1e-3
"""Largest difference of an output between export and trained model: more is another model, not rounding."""

PREDICTION_TOLERANCE = 1e-3
"""Largest absolute or relative difference from a golden prediction: other machines round otherwise."""


def evaluate_gate(
    evaluation: Evaluation,
    gate: GateSpec,
    *,
    contract: DataContract,
    model_bytes: int,
    not_comparable: str = "",
) -> GateResult:
    """Return the decision on a model.

    Args:
        evaluation: of the training job.
        gate: the conditions.
        contract: of the dataset; the model's inputs follow from it.
        model_bytes: the export's size as stored.
        not_comparable: why the model was not compared with production, a sentence; empty if it was, or if
            there is none.
    """
    checks = [_signature(evaluation, contract), _finite(evaluation), _parity(evaluation)]
    checks.append(_size(model_bytes, gate))
    value = evaluation.metrics.get(gate.metric, math.nan)
    if gate.metric not in evaluation.metrics:
        checks.append(_reported(evaluation, gate))
    checks.append(_threshold(value, gate))
    checks.append(_baseline(value, evaluation.baseline.metrics, gate))
    if evaluation.production is not None:
        checks.append(_production(value, evaluation.production, gate))
    elif not_comparable:
        checks.append(_not_comparable(not_comparable, gate))
    return GateResult.of(checks)


def prediction_differences(requests: Sequence[GoldenRequest], predictions: Sequence[Any]) -> list[str]:
    """Return where predictions differ from the golden ones: each place, what was expected and received."""
    if len(predictions) != len(requests):
        return [f"predictions: expected {len(requests)}, received {len(predictions)}"]
    return [
        found
        for index, (request, prediction) in enumerate(zip(requests, predictions, strict=True))
        for found in _differences(f"predictions[{index}]", request.prediction, prediction)
    ]


def _signature(evaluation: Evaluation, contract: DataContract) -> GateCheck:
    expected = contract.model_inputs.keys()
    signature = evaluation.export.signature
    passed = signature.inputs.keys() == expected and bool(signature.outputs)
    takes = ", ".join(sorted(signature.inputs)) or "nothing"
    gives = ", ".join(sorted(signature.outputs)) or "nothing"
    wanted = ", ".join(sorted(expected))
    return GateCheck(
        name="signature", passed=passed, blocking=True,
        expected=f"takes {wanted}", received=f"takes {takes}, gives {gives}",
        sentence=f"The export takes {takes} and gives {gives}"
        + ("." if passed else f"; expected it to take {wanted}."),
    )  # fmt: skip


def _finite(evaluation: Evaluation) -> GateCheck:
    finite = evaluation.export.finite
    found = "finite numbers" if finite else "NaN or infinite numbers"
    return GateCheck(
        name="finite", passed=finite, blocking=True, expected="finite numbers", received=found,
        sentence=f"The export's outputs on {evaluation.examples} validation records are {found}."
        if finite
        else f"Among the export's outputs on {evaluation.examples} validation records are {found}.",
    )  # fmt: skip


def _parity(evaluation: Evaluation) -> GateCheck:
    difference = evaluation.export.parity_max_abs_difference
    passed = difference <= PARITY_TOLERANCE  # False for NaN
    return GateCheck(
        name="parity", passed=passed, blocking=True,
        expected=f"at most {PARITY_TOLERANCE:g}", received=f"{difference:g}",
        sentence=f"The export differs from the trained model by at most {difference:.2g}"
        + ("." if passed else f"; expected at most {PARITY_TOLERANCE:g}."),
    )  # fmt: skip


def _size(model_bytes: int, gate: GateSpec) -> GateCheck:
    passed = model_bytes <= gate.max_model_bytes
    size, limit = f"{model_bytes / 1e6:.1f} MB", f"{gate.max_model_bytes / 1e6:.1f} MB"
    return GateCheck(
        name="size", passed=passed, expected=f"at most {limit}", received=size,
        sentence=f"The export has {size}, " + ("within" if passed else "over") + f" the limit of {limit}.",
    )  # fmt: skip


def _reported(evaluation: Evaluation, gate: GateSpec) -> GateCheck:
    """Return the failed check of a metric that the training program did not report."""
    reported = ", ".join(sorted(evaluation.metrics)) or "none"
    return GateCheck(
        name="metric", passed=False, blocking=True, expected=gate.metric, received=reported,
        sentence=f"The evaluation has no {_name(gate)}, by which the gate decides; it has {reported}.",
    )  # fmt: skip


def _threshold(value: float, gate: GateSpec) -> GateCheck:
    passed = _reaches(value, gate.threshold, gate)
    return GateCheck(
        name="threshold", passed=passed,
        expected=_bound(gate.threshold, gate), received=_metric(value, gate),
        sentence=f"{_beginning(_metric(value, gate))} "
        + ("reaches" if passed else "misses")
        + f" the threshold of {gate.threshold:.4g}.",
    )  # fmt: skip


def _baseline(value: float, metrics: Mapping[str, float], gate: GateSpec) -> GateCheck:
    baseline = metrics.get(gate.metric, math.nan)
    bound = baseline + (gate.baseline_margin if gate.direction == "higher" else -gate.baseline_margin)
    passed = _reaches(value, bound, gate)
    return GateCheck(
        name="constant_baseline", passed=passed,
        expected=_bound(bound, gate), received=_metric(value, gate),
        sentence=f"{_beginning(_metric(value, gate))} "
        + ("beats" if passed else "does not beat")
        + f" the constant baseline's {baseline:.4g} by the margin of {gate.baseline_margin:.4g}.",
    )  # fmt: skip


def _production(value: float, served: ProductionEvaluation, gate: GateSpec) -> GateCheck:
    production = served.metrics.get(gate.metric, math.nan)
    bound = production - (gate.production_margin if gate.direction == "higher" else -gate.production_margin)
    passed = _reaches(value, bound, gate)
    return GateCheck(
        name="production", passed=passed,
        expected=_bound(bound, gate), received=_metric(value, gate),
        sentence=f"{_beginning(_metric(value, gate))} is "
        + ("no worse" if passed else "worse")
        + f" than the {production:.4g} of version {served.version} in production"
        + (f", with a margin of {gate.production_margin:.4g}." if gate.production_margin else "."),
    )  # fmt: skip


def _not_comparable(sentence: str, gate: GateSpec) -> GateCheck:
    return GateCheck(
        name="comparable", passed=gate.not_comparable != "decline",
        expected="a model that can be compared with production", received="one that can't", sentence=sentence,
    )  # fmt: skip


def _reaches(value: float, bound: float, gate: GateSpec) -> bool:
    """Return True if a value is at least as good as a bound; NaN never is."""
    return value >= bound if gate.direction == "higher" else value <= bound


def _bound(bound: float, gate: GateSpec) -> str:
    return f"{_name(gate)} of at {'least' if gate.direction == 'higher' else 'most'} {bound:.4g}"


def _metric(value: float, gate: GateSpec) -> str:
    if math.isnan(value):
        return f"{_name(gate)} (not in the evaluation)"
    return f"{_name(gate)} {value:.4g}"


def _name(gate: GateSpec) -> str:
    return gate.metric.upper() if gate.metric in _ABBREVIATIONS else gate.metric


def _beginning(words: str) -> str:
    """Return words as the beginning of a sentence."""
    return words[0].upper() + words[1:]


def _differences(where: str, expected: Any, received: Any) -> list[str]:
    if isinstance(expected, dict) and isinstance(received, dict) and expected.keys() == received.keys():
        return [
            found
            for key in expected
            for found in _differences(f"{where}.{key}", expected[key], received[key])
        ]
    if isinstance(expected, list) and isinstance(received, list) and len(expected) == len(received):
        return [
            found
            for index, (one, other) in enumerate(zip(expected, received, strict=True))
            for found in _differences(f"{where}[{index}]", one, other)
        ]
    if isinstance(expected, float) and isinstance(received, int | float):
        same = math.isclose(expected, received, rel_tol=PREDICTION_TOLERANCE, abs_tol=PREDICTION_TOLERANCE)
    else:  # the index of a class comes as 3.0: JSON's numbers have no other type on the way
        same = expected == received
    return [] if same else [f"{where}: expected {expected!r}, received {received!r}"]
