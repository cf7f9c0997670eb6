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
    GateResult,
    GoldenRequest,
    ProductionEvaluation,
    Signature,
)
from retraining.gate import evaluate_gate, prediction_differences

CONTRACT = DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses")))
GATE = GateSpec(metric="accuracy", direction="higher", threshold=0.7, baseline_margin=0.2)
LOWER = GateSpec(metric="rmse", direction="lower", threshold=9.0, baseline_margin=0.5, production_margin=0.1)
EXPORT = ExportReport(
    signature=Signature(inputs={"image_bytes": {}}, outputs={"classes": {}, "probabilities": {}}),
    parity_max_abs_difference=1e-6,
    finite=True,
)
GOOD = Evaluation(
    examples=40,
    metrics={"accuracy": 0.9},
    baseline=Baseline(metrics={"accuracy": 0.4}),
    production=None,
    export=EXPORT,
)


def decision(gate: GateSpec = GATE, model_bytes: int = 1_000_000, **changes: Any) -> GateResult:
    return evaluate_gate(replace(GOOD, **changes), gate, contract=CONTRACT, model_bytes=model_bytes)


def failed(found: GateResult) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


def test_evaluate_gate_of_a_good_first_model_promotes_and_says_why() -> None:
    found = decision()
    assert found.promote
    assert not found.blocking
    assert found.reasons == (
        "The export takes image_bytes and gives classes, probabilities.",
        "The export's outputs on 40 validation records are finite numbers.",
        "The export differs from the trained model by at most 1e-06.",
        "The export has 1.0 MB, within the limit of 2000.0 MB.",
        "Accuracy 0.9 reaches the threshold of 0.7.",
        "Accuracy 0.9 beats the constant baseline's 0.4 by the margin of 0.2.",
    )


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"signature": Signature(inputs={"inputs": {}}, outputs={"classes": {}})}, "signature"),
        ({"signature": Signature(inputs={"image_bytes": {}}, outputs={})}, "signature"),
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
    ("changes", "checks", "reason"),
    [
        ({"metrics": {"accuracy": 0.65}}, ["threshold"], "Accuracy 0.65 misses the threshold of 0.7."),
        (
            {"baseline": Baseline(metrics={"accuracy": 0.75})},
            ["constant_baseline"],
            "Accuracy 0.9 does not beat the constant baseline's 0.75 by the margin of 0.2.",
        ),
        (
            {"production": ProductionEvaluation(version="3", metrics={"accuracy": 0.95})},
            ["production"],
            "Accuracy 0.9 is worse than the 0.95 of version 3 in production.",
        ),
        ({"model_bytes": 3_000_000_000}, ["size"], "The export has 3000.0 MB, over the limit of 2000.0 MB."),
    ],
)
def test_evaluate_gate_of_a_weak_model_declines_without_calling_it_broken(
    changes: dict[str, Any], checks: list[str], reason: str
) -> None:
    found = decision(**changes)
    assert failed(found) == checks
    assert not found.blocking
    assert found.reasons == (reason,)


@pytest.mark.parametrize("value", [0.7, 0.70001])
def test_evaluate_gate_at_the_threshold_promotes(value: float) -> None:
    assert decision(metrics={"accuracy": value}).promote


def test_evaluate_gate_with_a_metric_that_is_no_number_never_promotes() -> None:
    assert failed(decision(metrics={"accuracy": math.nan})) == ["threshold", "constant_baseline"]


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
        (8.2, ["production"]),
        (8.9, ["constant_baseline", "production"]),
        (9.5, ["threshold", "constant_baseline", "production"]),
    ],
)
def test_evaluate_gate_of_a_metric_where_less_is_better(rmse: float, checks: list[str]) -> None:
    found = decision(
        LOWER,
        metrics={"rmse": rmse},
        baseline=Baseline(metrics={"rmse": 9.3}),
        production=ProductionEvaluation(version="2", metrics={"rmse": 8.0}),
    )
    assert failed(found) == checks


def test_evaluate_gate_of_a_weak_model_says_what_was_expected_and_received() -> None:
    (check,) = (check for check in decision(metrics={"accuracy": 0.65}).checks if not check.passed)
    assert (check.name, check.expected, check.received) == (
        "threshold",
        "accuracy of at least 0.7",
        "accuracy 0.65",
    )


def test_evaluate_gate_by_an_abbreviated_metric_spells_it_in_capitals() -> None:
    gate = GateSpec(metric="auc", direction="higher", threshold=0.9)
    found = decision(gate, metrics={"auc": 0.95}, baseline=Baseline(metrics={"auc": 0.5}))
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
