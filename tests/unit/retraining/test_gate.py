"""The gate: what may be promoted, and why not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from contract import DataContract, GateSpec, image_features
from contract.artifacts import (
    Baseline,
    Evaluation,
    ExportReport,
    GateCheck,
    GateResult,
    GoldenRequest,
    ProductionEvaluation,
    Signature,
)
from contract.estimates import Estimate, SliceEvaluation
from retraining.gate import evaluate_gate, prediction_differences

CONTRACT = DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses")))
GATE = GateSpec(metric="accuracy", direction="higher", threshold=0.7, baseline_margin=0.2)
LOWER = GateSpec(metric="rmse", direction="lower", threshold=9.0, baseline_margin=0.5, production_margin=0.1)
EXPORT = ExportReport(
    signature=Signature(inputs={"image_bytes": {}}, outputs={"classes": {}, "probabilities": {}}),
    parity_max_abs_difference=1e-6,
    finite=True,
)


def estimate(value: float, standard_error: float = 0.01) -> Estimate:
    return Estimate(value=value, standard_error=standard_error)


def baseline(value: float, gain: float, error: float = 0.01, metric: str = "accuracy") -> Baseline:
    return Baseline(metrics={metric: value}, difference={metric: estimate(gain, error)})


def production(
    value: float, difference: float, error: float = 0.01, metric: str = "accuracy"
) -> ProductionEvaluation:
    return ProductionEvaluation(
        version="3", metrics={metric: value}, difference={metric: estimate(difference, error)}
    )


GOOD = Evaluation(
    examples=40,
    metrics={"accuracy": 0.9},
    baseline=baseline(0.4, 0.5),
    production=None,
    export=EXPORT,
)


def decision(gate: GateSpec = GATE, model_bytes: int = 1_000_000, **changes: Any) -> GateResult:
    return evaluate_gate(replace(GOOD, **changes), gate, contract=CONTRACT, model_bytes=model_bytes)


def failed(found: GateResult) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


def check(found: GateResult, name: str) -> GateCheck:
    return next(check for check in found.checks if check.name == name)


def test_evaluate_gate_of_a_good_first_model_promotes_and_says_why() -> None:
    found = decision()
    assert found.promote
    assert not found.blocking
    assert found.reasons == (
        "The export takes image_bytes and gives classes, probabilities.",
        "The export's outputs on 40 validation records are finite numbers.",
        "The export differs from the trained model by at most 1e-06.",
        "The export has 1.0 MB, within the limit of 2000.0 MB.",
        "The gate decides by 40 validation records.",
        "Accuracy 0.9 reaches the threshold of 0.7.",
        (
            "Accuracy 0.9 beats the constant baseline's 0.4 by the margin of 0.2 beyond noise: "
            "a difference of +0.5 (95% interval +0.4804 to +0.5196)."
        ),
    )


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"signature": Signature(inputs={"inputs": {}}, outputs={"classes": {}})}, "signature"),
        ({"signature": Signature(inputs={"image_bytes": {}}, outputs={})}, "signature"),
        ({"signature": Signature(inputs={}, outputs={"classes": {}})}, "signature"),
        ({"finite": False}, "finite"),
        ({"parity_max_abs_difference": 0.1}, "parity"),
        ({"parity_max_abs_difference": math.nan}, "parity"),
    ],
)
def test_evaluate_gate_of_a_broken_export_says_so(changes: dict[str, Any], check: str) -> None:
    found = decision(export=replace(EXPORT, **changes))
    assert failed(found) == [check]
    assert len(found.blocking) == 1
    assert not found.promote


@pytest.mark.parametrize(
    ("changes", "checks", "facts"),
    [
        ({"metrics": {"accuracy": 0.65}}, ["threshold"], ["0.65", "0.7"]),
        ({"baseline": baseline(0.75, 0.15)}, ["constant_baseline"], ["0.9", "0.75", "+0.1304", "+0.1696"]),
        ({"production": production(0.95, -0.05)}, ["production"], ["0.9", "0.95", "version 3", "-0.0696"]),
        ({"examples": 29}, ["examples"], ["29", "30"]),
        ({"model_bytes": 3_000_000_000}, ["size"], ["3000.0 MB", "2000.0 MB"]),
    ],
)
def test_evaluate_gate_of_a_weak_model_declines_without_calling_it_broken(
    changes: dict[str, Any], checks: list[str], facts: list[str]
) -> None:
    found = decision(**changes)
    assert failed(found) == checks
    assert not found.blocking
    (reason,) = found.reasons
    assert all(fact in reason for fact in facts), reason


@pytest.mark.parametrize(
    ("difference", "error", "promoted"),
    [
        (0.0, 0.01, True),
        (-0.0164, 0.01, True),  # z(0.95) = 1.645
        (-0.0165, 0.01, False),
        (-0.05, 0.04, True),
        (0.02, 0.001, True),
        (0.0, 0.0, True),
        (math.nan, 0.01, False),
        (math.inf, 0.01, False),
        (0.0, math.nan, False),
    ],
)
def test_evaluate_gate_declines_a_loss_against_production_beyond_noise_alone(
    difference: float, error: float, *, promoted: bool
) -> None:
    found = decision(production=production(0.9 - difference, difference, error))
    assert failed(found) == ([] if promoted else ["production"])


@pytest.mark.parametrize(("difference", "promoted"), [(-0.0364, True), (-0.0365, False)])
def test_evaluate_gate_tolerates_a_loss_up_to_the_margin(difference: float, *, promoted: bool) -> None:
    gate = replace(GATE, production_margin=0.02)
    assert decision(gate, production=production(0.9, difference)).promote is promoted


@pytest.mark.parametrize(("gain", "promoted"), [(0.2164, False), (0.2165, True)])
def test_evaluate_gate_wants_the_gain_on_the_baseline_beyond_noise(gain: float, *, promoted: bool) -> None:
    assert decision(baseline=baseline(0.9 - gain, gain)).promote is promoted


@pytest.mark.parametrize(("confidence", "promoted"), [(0.95, True), (0.9, False)])
def test_evaluate_gate_decides_at_its_confidence(confidence: float, *, promoted: bool) -> None:
    gate = replace(GATE, confidence=confidence)
    assert decision(gate, production=production(0.9, -0.015)).promote is promoted


@pytest.mark.parametrize("side", ["baseline", "production"])
def test_evaluate_gate_without_a_standard_error_never_promotes(side: str) -> None:
    without: dict[str, Any] = {
        "baseline": Baseline(metrics={"accuracy": 0.4}),
        "production": ProductionEvaluation(version="3", metrics={"accuracy": 0.1}),
    }
    found = decision(**{side: without[side]})
    assert failed(found) == ["constant_baseline" if side == "baseline" else "production"]
    assert "no standard error" in found.reasons[0]


def test_evaluate_gate_states_the_loss_that_its_records_can_show() -> None:
    found = check(decision(examples=106, production=production(0.9, 0.0, 0.0205)), "power")
    assert found.passed
    # z(0.95) + z(0.9) = 2.926, and 11.3 of 106 records more that only production gets right.
    assert float(found.received) == pytest.approx(0.1127, abs=0.0001)
    assert "With 106 records this gate can notice a loss of 11 points" in found.sentence


def test_evaluate_gate_states_a_loss_in_the_unit_of_its_metric() -> None:
    served = production(8.0, 0.0, 0.01, "rmse")
    found = decision(
        LOWER, metrics={"rmse": 8.0}, baseline=baseline(9.3, -1.3, metric="rmse"), production=served
    )
    assert float(check(found, "power").received) == pytest.approx(0.1 + 1.3 * 0.02927, abs=0.0001)
    assert "a loss of 0.138 in RMSE" in check(found, "power").sentence
    assert "with a margin of 0.1" in check(found, "production").sentence
    assert "with a margin" not in check(decision(production=production(0.9, 0.0)), "production").sentence


def test_evaluate_gate_takes_a_noticeable_loss_of_just_the_limit() -> None:
    gate = replace(LOWER, max_noticeable_loss=0.1)
    served = production(8.0, 0.0, 0.0, "rmse")
    beaten = baseline(9.3, -1.3, metric="rmse")
    found = decision(gate, metrics={"rmse": 8.0}, baseline=beaten, production=served)
    assert check(found, "power").passed


def test_evaluate_gate_takes_a_difference_from_the_trained_model_of_just_the_tolerance() -> None:
    assert decision(export=replace(EXPORT, parity_max_abs_difference=1e-3)).promote


@pytest.mark.parametrize(("limit", "promoted"), [(0.2181, True), (0.2179, False)])
def test_evaluate_gate_declines_where_it_could_not_notice_the_loss_it_is_to(
    limit: float, *, promoted: bool
) -> None:
    gate = replace(GATE, max_noticeable_loss=limit)
    assert decision(gate, production=production(0.9, 0.0)).promote is promoted


def of_slice(value: str, difference: float, examples: int = 50, error: float = 0.02) -> SliceEvaluation:
    return SliceEvaluation(
        feature="town",
        value=value,
        examples=examples,
        metrics={"accuracy": estimate(0.5)},
        difference={"accuracy": estimate(difference, error)},
    )


SLICED = replace(GATE, slices=("town",))


@pytest.mark.parametrize(
    ("slices", "promoted"),
    [
        ([of_slice("ulm", 0.1), of_slice("bonn", 0.0)], True),
        ([of_slice("ulm", 0.1), of_slice("bonn", -0.3)], False),
        ([of_slice("ulm", 0.1), of_slice("bonn", -0.3, examples=29)], True),
        ([of_slice("ulm", -0.3, examples=30)], False),
        # One alone is judged at 0.95 (1.645), each of two at 0.975 (1.96).
        ([of_slice("ulm", -0.035)], False),
        ([of_slice("ulm", -0.035), of_slice("bonn", 0.0)], True),
        ([of_slice("ulm", -0.0395), of_slice("bonn", 0.0)], False),
        ([of_slice("ulm", 0.0, error=0.0)], True),
        ([of_slice("ulm", math.nan)], False),
        ([], False),
    ],
)
def test_evaluate_gate_declines_where_a_slice_collapses(
    slices: list[SliceEvaluation], *, promoted: bool
) -> None:
    found = decision(SLICED, production=production(0.9, 0.0), slices=tuple(slices))
    assert failed(found) == ([] if promoted else ["slices by town"])


def test_evaluate_gate_names_the_slice_that_collapsed_with_both_values_and_interval() -> None:
    slices = (of_slice("ulm", 0.1), of_slice("bonn", -0.3))
    (reason,) = decision(SLICED, production=production(0.9, 0.0), slices=slices).reasons
    assert all(fact in reason for fact in ("town bonn", "50 records", "0.5", "0.8", "-0.3392", "-0.2608"))


@pytest.mark.parametrize(("margin", "promoted"), [(0.27, True), (0.25, False)])
def test_evaluate_gate_tolerates_a_loss_of_a_slice_up_to_its_margin(margin: float, *, promoted: bool) -> None:
    gate = replace(SLICED, slice_margin=margin)
    slices = (of_slice("ulm", -0.3),)
    assert decision(gate, production=production(0.9, 0.0), slices=slices).promote is promoted


def test_evaluate_gate_of_a_first_model_has_no_slices_to_compare() -> None:
    assert decision(SLICED, slices=(of_slice("ulm", 0.0),)).promote


@pytest.mark.parametrize("value", [0.7, 0.70001])
def test_evaluate_gate_at_the_threshold_promotes(value: float) -> None:
    assert decision(metrics={"accuracy": value}).promote


def test_evaluate_gate_with_a_metric_that_is_no_number_never_promotes() -> None:
    found = decision(metrics={"accuracy": math.nan}, baseline=baseline(0.4, math.nan))
    assert failed(found) == ["threshold", "constant_baseline"]


@pytest.mark.parametrize("metrics", [{}, {"loss": 0.1}])
def test_evaluate_gate_without_the_metric_blocks_and_names_those_that_there_are(
    metrics: dict[str, float],
) -> None:
    found = decision(metrics=metrics)
    assert failed(found)[0] == "metric"
    (sentence,) = found.blocking
    assert ("loss" in sentence) == bool(metrics)


def test_evaluate_gate_without_a_constant_baseline_never_promotes() -> None:
    assert failed(decision(baseline=Baseline(metrics={}))) == ["constant_baseline"]


@pytest.mark.parametrize(
    ("rmse", "checks"),
    [
        (8.0, []),
        (8.1, []),
        (8.12, ["production"]),
        (8.9, ["constant_baseline", "production"]),
        (9.5, ["threshold", "constant_baseline", "production"]),
    ],
)
def test_evaluate_gate_of_a_metric_where_less_is_better(rmse: float, checks: list[str]) -> None:
    found = decision(
        LOWER,
        metrics={"rmse": rmse},
        baseline=baseline(9.3, rmse - 9.3, 0.01, "rmse"),
        production=production(8.0, rmse - 8.0, 0.01, "rmse"),
    )
    assert failed(found) == checks


def test_evaluate_gate_of_a_weak_model_says_what_was_expected_and_received() -> None:
    (found,) = (check for check in decision(metrics={"accuracy": 0.65}).checks if not check.passed)
    assert (found.name, found.expected, found.received) == (
        "threshold",
        "accuracy of at least 0.7",
        "accuracy 0.65",
    )


def test_evaluate_gate_by_an_abbreviated_metric_spells_it_in_capitals() -> None:
    gate = GateSpec(metric="auc", direction="higher", threshold=0.9)
    found = decision(gate, metrics={"auc": 0.95}, baseline=baseline(0.5, 0.45, metric="auc"))
    assert "AUC 0.95 reaches the threshold of 0.9." in found.reasons


ANSWER = {"classes": 3, "probabilities": [0.1, 0.9]}
REQUEST = GoldenRequest(instance={"image_bytes": {"b64": "AA=="}}, prediction=ANSWER)


@pytest.mark.parametrize(
    "prediction",
    [
        ANSWER,
        {"classes": 3.0, "probabilities": [0.1, 0.9]},
        {"classes": 3, "probabilities": [0.1005, 0.8995]},
    ],
)
def test_prediction_differences_within_rounding_are_none(prediction: Any) -> None:
    assert prediction_differences([REQUEST], [prediction]) == []


@pytest.mark.parametrize(
    ("prediction", "found"),
    [
        ({"classes": 2, "probabilities": [0.1, 0.9]}, "predictions[0].classes: expected 3, received 2"),
        (
            {"classes": 3, "probabilities": [0.2, 0.9]},
            "predictions[0].probabilities[0]: expected 0.1, received 0.2",
        ),
        (
            {"classes": 3, "probabilities": [0.1, math.nan]},
            "predictions[0].probabilities[1]: expected 0.9, received nan",
        ),
        ({"classes": 3, "probabilities": [0.1]}, "expected [0.1, 0.9], received [0.1]"),
        ({"classes": 3}, "received {'classes': 3}"),
        ("rose", "received 'rose'"),
    ],
)
def test_prediction_differences_name_place_and_values(prediction: Any, found: str) -> None:
    (difference,) = prediction_differences([REQUEST], [prediction])
    assert found in difference


def test_prediction_differences_of_a_rows_answer_compare_words_exactly_and_indices_as_numbers() -> None:
    row = GoldenRequest(
        instance={"age": 25, "education": "11th"},
        prediction={"classes": ["<=50K"], "class_ids": [5000], "logits": [-2.5]},
    )
    assert (
        prediction_differences([row], [{"classes": ["<=50K"], "class_ids": [5000.0], "logits": [-2.501]}])
        == []
    )
    assert prediction_differences(
        [row], [{"classes": [" <=50K"], "class_ids": [5001.0], "logits": [-2.5]}]
    ) == [
        "predictions[0].classes[0]: expected '<=50K', received ' <=50K'",
        "predictions[0].class_ids[0]: expected 5000, received 5001.0",
    ]


def test_prediction_differences_in_number_say_so() -> None:
    assert prediction_differences([REQUEST], []) == ["predictions: expected 1, received 0"]


@pytest.mark.parametrize(("count", "words"), [(0, "0 validation records;"), (1, "1 validation record;")])
def test_evaluate_gate_of_no_record_or_one_declines(count: int, words: str) -> None:
    found = check(decision(examples=count), "examples")
    assert not found.passed
    assert words in found.sentence


def test_evaluate_gate_takes_as_many_records_as_it_asks_for() -> None:
    assert check(decision(examples=30), "examples").passed
    assert (
        "by 2 validation records."
        in check(decision(replace(GATE, min_examples=2), examples=2), "examples").sentence
    )


def test_evaluate_gate_of_an_export_that_takes_more_than_the_dataset_has_is_broken() -> None:
    more = Signature(inputs={"image_bytes": {}, "name": {}}, outputs={"classes": {}})
    assert failed(decision(export=replace(EXPORT, signature=more))) == ["signature"]


@pytest.mark.parametrize(("size", "promoted"), [(2_000_000_000, True), (2_000_000_001, False)])
def test_evaluate_gate_takes_an_export_up_to_the_limit(size: int, *, promoted: bool) -> None:
    assert decision(model_bytes=size).promote is promoted


def test_evaluate_gate_where_less_is_better_takes_the_threshold_itself() -> None:
    found = decision(LOWER, metrics={"rmse": 9.0}, baseline=baseline(9.9, -0.9, metric="rmse"))
    assert check(found, "threshold").passed
    assert check(found, "threshold").expected == "RMSE of at most 9"


def test_evaluate_gate_wants_more_than_the_margin_on_the_baseline() -> None:
    assert failed(decision(baseline=baseline(0.7, 0.2, 0.0))) == ["constant_baseline"]


def test_evaluate_gate_says_which_bound_it_compared_with_what() -> None:
    found = decision(production=production(0.88, 0.02))
    assert check(found, "constant_baseline").received == "a gain of 0.5, at least 0.4836"
    assert check(found, "production").received == "a gain of 0.02, at most 0.03645"
    assert "is not worse than the 0.88" in check(found, "production").sentence
    worse = decision(production=production(0.95, -0.05))
    assert "is worse than the 0.95" in check(worse, "production").sentence


def test_evaluate_gate_names_the_limit_of_the_loss_that_it_must_notice() -> None:
    found = check(
        decision(replace(GATE, max_noticeable_loss=0.9), production=production(0.9, 0.0, 3.0)), "power"
    )
    assert not found.passed
    assert "expected 90 points or less" in found.sentence


def test_evaluate_gate_judges_each_feature_s_slices_by_themselves() -> None:
    gate = replace(GATE, slices=("age", "town", "zone"))
    of = {name: replace(of_slice("1", 0.0), feature=name) for name in gate.slices}
    slices = (of["age"], replace(of_slice("bonn", -0.3), feature="town"), of["town"],
              replace(of_slice("small", -0.3, examples=29), feature="town"), of["zone"])  # fmt: skip
    found = decision(gate, production=production(0.9, 0.0), slices=slices)
    assert failed(found) == ["slices by town"]
    assert check(found, "slices by town").received == "1 of 2 worse"
    assert "(1 judged)" in check(found, "slices by zone").sentence
    assert check(found, "slices by age").received == "0 of 1 worse"
    assert "(1 judged)" in check(found, "slices by age").sentence
    small = decision(
        SLICED,
        production=production(0.9, 0.0),
        slices=(of["town"], of_slice("x", 0.0), of_slice("s", 0.0, 1)),
    )
    assert "(2 judged, 1 too small to judge)" in check(small, "slices by town").sentence
    nothing = decision(gate, production=production(0.9, 0.0), slices=())
    assert check(nothing, "slices by town").received == "none"


@pytest.mark.parametrize(("policy", "promoted"), [("decline", False), ("promote", True), ("ask", True)])
def test_evaluate_gate_of_a_model_that_can_not_be_compared_follows_the_policy(
    policy: Any, *, promoted: bool
) -> None:
    gate = replace(GATE, not_comparable=policy)
    found = evaluate_gate(GOOD, gate, contract=CONTRACT, model_bytes=1, not_comparable="It knows no petals.")
    assert found.promote is promoted
    assert "It knows no petals." in [one.sentence for one in found.checks]


@pytest.mark.parametrize(
    "prediction", [{**ANSWER, "more": 1}, {"classes": 3, "probabilities": [0.1, 0.9, 0.0]}]
)
def test_prediction_differences_of_more_than_was_expected_say_so(prediction: Any) -> None:
    assert len(prediction_differences([REQUEST], [prediction])) == 1


def test_prediction_differences_of_more_predictions_than_requests_say_so() -> None:
    assert prediction_differences([REQUEST], [ANSWER, ANSWER]) == ["predictions: expected 1, received 2"]
