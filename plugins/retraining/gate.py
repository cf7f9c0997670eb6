"""Decisions on a model: its promotion, by evaluation and spec, and the answers to golden requests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from contract import DataContract, GateSpec
from contract.artifacts import Baseline, Evaluation, GateCheck, GateResult, GoldenRequest
from contract.estimates import CONFIDENCE, Estimate, SliceEvaluation, is_finite, noticeable_loss

_ABBREVIATIONS = frozenset({"auc", "mae", "mse", "rmse"})

POWER = 0.9
"""Probability with which a loss is noticed that is called noticeable."""

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
    checks += [_examples(evaluation, gate), _threshold(value, gate)]
    checks.append(_baseline(value, evaluation.baseline, gate))
    if evaluation.production is not None:
        checks += _production(value, evaluation, gate)
        checks += _slices(evaluation, gate)
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


def _examples(evaluation: Evaluation, gate: GateSpec) -> GateCheck:
    passed = evaluation.examples >= gate.min_examples
    count = f"{evaluation.examples} validation record{'' if evaluation.examples == 1 else 's'}"
    return GateCheck(
        name="examples", passed=passed, expected=f"at least {gate.min_examples}",
        received=str(evaluation.examples),
        sentence=f"The gate decides by {count}"
        + ("." if passed else f"; expected at least {gate.min_examples}."),
    )  # fmt: skip


def _threshold(value: float, gate: GateSpec) -> GateCheck:
    passed = _reaches(value, gate.threshold, gate)
    return GateCheck(
        name="threshold", passed=passed,
        expected=f"{_name(gate)} of at {'least' if gate.direction == 'higher' else 'most'} "
        f"{gate.threshold:.4g}",
        received=_metric(value, gate),
        sentence=f"{_beginning(_metric(value, gate))} "
        + ("reaches" if passed else "misses")
        + f" the threshold of {gate.threshold:.4g}.",
    )  # fmt: skip


def _baseline(value: float, baseline: Baseline, gate: GateSpec) -> GateCheck:
    """Return the check that the model is better than the constant baseline beyond noise."""
    gain = _gain(baseline.difference, gate)
    constant = baseline.metrics.get(gate.metric, math.nan)
    passed = gain is not None and gain.bound(-1, gate.confidence) > gate.baseline_margin
    beats = "beats" if passed else "does not beat"
    margin = f" by the margin of {gate.baseline_margin:.4g}" if gate.baseline_margin else ""
    return GateCheck(
        name="constant_baseline", passed=passed,
        expected=f"a gain of more than {gate.baseline_margin:.4g}{_at(gate)}",
        received=_received(gain, -1, gate),
        sentence=f"{_beginning(_metric(value, gate))} {beats} the constant baseline's {constant:.4g}{margin} "
        f"beyond noise: {_difference(baseline.difference, gate)}.",
    )  # fmt: skip


def _production(value: float, evaluation: Evaluation, gate: GateSpec) -> list[GateCheck]:
    """Return the checks against production: no loss beyond noise, and records that would show one."""
    served = evaluation.production
    if served is None:
        return []
    gain = _gain(served.difference, gate)
    passed = gain is not None and gain.bound(1, gate.confidence) >= -gate.production_margin
    production = served.metrics.get(gate.metric, math.nan)
    margin = f", with a margin of {gate.production_margin:.4g}" if gate.production_margin else ""
    checks = [
        GateCheck(
            name="production", passed=passed,
            expected=f"no loss of more than {gate.production_margin:.4g}{_at(gate)}",
            received=_received(gain, 1, gate),
            sentence=f"{_beginning(_metric(value, gate))} is {'not worse' if passed else 'worse'} than the "
            f"{production:.4g} of version {served.version} in production beyond noise{margin}: "
            f"{_difference(served.difference, gate)}.",
        )
    ]  # fmt: skip
    if gain is not None:
        checks.append(_power(gain.standard_error, evaluation.examples, gate))
    return checks


def _power(standard_error: float, examples: int, gate: GateSpec) -> GateCheck:
    """Return the check of the loss that the validation records would show, by the noise found in them."""
    loss = gate.production_margin + noticeable_loss(
        standard_error,
        confidence=gate.confidence,
        power=POWER,
        examples=examples if gate.direction == "higher" else None,
    )
    limit = gate.max_noticeable_loss
    passed = limit is None or loss <= limit
    return GateCheck(
        name="power", passed=passed,
        expected="any" if limit is None else f"a noticeable loss of at most {limit:.4g}",
        received=f"{loss:.4g}",
        sentence=f"With {examples} records this gate can notice a loss of {_loss(loss, gate)}, in "
        f"{POWER:.0%} of cases" + ("." if passed else f"; expected {_loss(limit or 0.0, gate)} or less."),
    )  # fmt: skip


def _slices(evaluation: Evaluation, gate: GateSpec) -> list[GateCheck]:
    """Return a check for each feature to slice by: no slice of it is worse than in production."""
    judged = [
        found
        for found in evaluation.slices
        if found.examples >= gate.min_slice_examples and gate.metric in found.difference
    ]
    # Bonferroni: https://en.wikipedia.org/wiki/Bonferroni_correction
    confidence = 1 - (1 - gate.confidence) / max(1, len(judged))
    checks = []
    for feature in gate.slices:
        known = [found for found in evaluation.slices if found.feature == feature]
        mine = [found for found in judged if found.feature == feature]
        collapsed = [
            found
            for found in mine
            if not _signed(found.difference[gate.metric], gate).bound(1, confidence) >= -gate.slice_margin
        ]
        small = f", {len(known) - len(mine)} too small to judge" if len(known) > len(mine) else ""
        sentence = (
            f"No slice by {feature} is worse than in production beyond noise ({len(mine)} judged{small})."
        )
        if not known:
            sentence = f"The evaluation has no slice by {feature}."
        elif collapsed:
            sentence = " ".join(_collapse(found, gate) for found in collapsed)
        checks.append(
            GateCheck(
                name=f"slices by {feature}", passed=bool(known) and not collapsed,
                expected=f"no loss of more than {gate.slice_margin:.4g} in any",
                received=f"{len(collapsed)} of {len(mine)} worse" if known else "none", sentence=sentence,
            )
        )  # fmt: skip
    return checks


def _collapse(found: SliceEvaluation, gate: GateSpec) -> str:
    difference = found.difference[gate.metric]
    value = found.metrics[gate.metric].value
    production = value - difference.value
    return (
        f"{_beginning(_name(gate))} {value:.4g} is worse than the {production:.4g} of production "
        f"on the {found.examples} records of {found.feature} {found.value}, beyond noise: "
        f"{_difference(found.difference, gate)}."
    )


def _not_comparable(sentence: str, gate: GateSpec) -> GateCheck:
    return GateCheck(
        name="comparable", passed=gate.not_comparable != "decline",
        expected="a model that can be compared with production", received="one that can't", sentence=sentence,
    )  # fmt: skip


def _reaches(value: float, bound: float, gate: GateSpec) -> bool:
    """Return True if a value is at least as good as a bound; NaN never is."""
    return value >= bound if gate.direction == "higher" else value <= bound


def _signed(difference: Estimate, gate: GateSpec) -> Estimate:
    """Return a difference of the metric as a gain: more is better."""
    return difference if gate.direction == "higher" else -difference


def _gain(differences: Mapping[str, Estimate], gate: GateSpec) -> Estimate | None:
    """Return the gain in the gate's metric; None where it isn't known with its error."""
    difference = differences.get(gate.metric)
    return None if difference is None or not is_finite(difference) else _signed(difference, gate)


def _difference(differences: Mapping[str, Estimate], gate: GateSpec) -> str:
    """Return a difference of the metric and its interval, for people."""
    difference = differences.get(gate.metric)
    if difference is None:
        return "the evaluation has no standard error of the difference"
    low, high = difference.interval()
    return f"a difference of {difference.value:+.4g} ({CONFIDENCE:.0%} interval {low:+.4g} to {high:+.4g})"


def _received(gain: Estimate | None, sign: int, gate: GateSpec) -> str:
    if gain is None:
        return "no standard error"
    side = "at most" if sign > 0 else "at least"
    return f"a gain of {gain.value:.4g}, {side} {gain.bound(sign, gate.confidence):.4g}"


def _at(gate: GateSpec) -> str:
    return f" at {gate.confidence:.4g} confidence"


def _loss(loss: float, gate: GateSpec) -> str:
    """Return a loss in points where the metric is a fraction, else in its unit."""
    if gate.direction == "higher":
        return f"{100 * loss:.2g} points"
    return f"{loss:.3g} in {_name(gate)}"


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
