"""The gate: what may be promoted, and why not."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from contract import CsvFormat, DataContract, FeatureSpec, GateSpec, image_features
from retraining.evaluation import Evaluation
from retraining.gate import GateResult, evaluate_gate, signature_inputs

CONTRACT = DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses")))
GATE = GateSpec(metric="accuracy", direction="higher", threshold=0.7, baseline_margin=0.2)
LOWER = GateSpec(metric="rmse", direction="lower", threshold=9.0, baseline_margin=0.5, production_margin=0.1)
GOOD = Evaluation(
    examples=40,
    metrics={"accuracy": 0.9},
    trivial_metrics={"accuracy": 0.4},
    test_examples=0,
    test_metrics={},
    production_version=None,
    production_metrics={},
    inputs=frozenset({"image_bytes"}),
    outputs=frozenset({"classes", "probabilities"}),
    parity_max_abs_difference=1e-6,
    finite=True,
)


def verdict(gate: GateSpec = GATE, model_bytes: int = 1_000_000, **changes: Any) -> GateResult:
    return evaluate_gate(replace(GOOD, **changes), gate, contract=CONTRACT, model_bytes=model_bytes)


def failed(found: GateResult) -> list[str]:
    return [check.name for check in found.checks if not check.passed]


def test_judge_of_a_good_first_model_promotes_and_says_why() -> None:
    found = verdict()
    assert found.promote
    assert not found.broken
    assert found.reasons == (
        "The export takes image_bytes and gives classes, probabilities.",
        "The export's outputs on 40 validation records are finite numbers.",
        "The export differs from the trained model by at most 1e-06.",
        "The export has 1.0 MB, within the limit of 2000.0 MB.",
        "Accuracy 0.9 reaches the threshold of 0.7.",
        "Accuracy 0.9 beats a constant answer's 0.4 by the margin of 0.2.",
    )


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"inputs": frozenset({"inputs"})}, "signature"),
        ({"outputs": frozenset()}, "signature"),
        ({"finite": False}, "finite"),
        ({"parity_max_abs_difference": 0.1}, "parity"),
        ({"parity_max_abs_difference": math.nan}, "parity"),
    ],
)
def test_judge_of_a_broken_export_says_so(changes: dict[str, Any], check: str) -> None:
    found = verdict(**changes)
    assert failed(found) == [check]
    assert len(found.broken) == 1
    assert not found.promote


@pytest.mark.parametrize(
    ("changes", "checks", "reason"),
    [
        ({"metrics": {"accuracy": 0.65}}, ["threshold"], "Accuracy 0.65 misses the threshold of 0.7."),
        (
            {"trivial_metrics": {"accuracy": 0.75}},
            ["trivial_baseline"],
            "Accuracy 0.9 does not beat a constant answer's 0.75 by the margin of 0.2.",
        ),
        (
            {"production_version": "3", "production_metrics": {"accuracy": 0.95}},
            ["production"],
            "Accuracy 0.9 is worse than the 0.95 of version 3 in production.",
        ),
        ({"model_bytes": 3_000_000_000}, ["size"], "The export has 3000.0 MB, over the limit of 2000.0 MB."),
    ],
)
def test_judge_of_a_weak_model_declines_without_calling_it_broken(
    changes: dict[str, Any], checks: list[str], reason: str
) -> None:
    found = verdict(**changes)
    assert failed(found) == checks
    assert not found.broken
    assert found.reasons == (reason,)


@pytest.mark.parametrize("value", [0.7, 0.70001])
def test_judge_at_the_threshold_promotes(value: float) -> None:
    assert verdict(metrics={"accuracy": value}).promote


@pytest.mark.parametrize("metrics", [{}, {"accuracy": math.nan}, {"loss": 0.1}])
def test_judge_without_the_metric_never_promotes(metrics: dict[str, float]) -> None:
    assert failed(verdict(metrics=metrics)) == ["threshold", "trivial_baseline"]


def test_judge_without_a_trivial_baseline_never_promotes() -> None:
    assert failed(verdict(trivial_metrics={})) == ["trivial_baseline"]


@pytest.mark.parametrize(
    ("rmse", "checks"),
    [
        (8.0, []),
        (8.1, []),
        (8.2, ["production"]),
        (8.9, ["trivial_baseline", "production"]),
        (9.5, ["threshold", "trivial_baseline", "production"]),
    ],
)
def test_judge_of_a_metric_where_less_is_better(rmse: float, checks: list[str]) -> None:
    found = verdict(
        LOWER,
        metrics={"rmse": rmse},
        trivial_metrics={"rmse": 9.3},
        production_version="2",
        production_metrics={"rmse": 8.0},
    )
    assert failed(found) == checks


def test_to_json_is_what_gate_json_holds() -> None:
    written = json.loads(json.dumps(verdict(metrics={"accuracy": 0.65}).to_json()))
    assert written["promote"] is False
    assert written["reasons"] == ["Accuracy 0.65 misses the threshold of 0.7."]
    assert written["checks"][4] == {
        "name": "threshold",
        "passed": False,
        "expected": "accuracy of at least 0.7",
        "received": "accuracy 0.65",
    }


def test_signature_inputs_of_a_table_are_its_input_features() -> None:
    features = (
        FeatureSpec(name="age", dtype="int64"),
        FeatureSpec(name="income", dtype="int64", role="label", vocabulary=("low", "high")),
        FeatureSpec(name="id", dtype="string", role="key"),
    )
    contract = DataContract(name="census", record_format="csv", csv=CsvFormat(), features=features)
    assert signature_inputs(contract) == {"age"}


def test_signature_inputs_of_idx_files_are_images() -> None:
    contract = DataContract(name="digits", record_format="idx", features=image_features(("0", "1")))
    assert signature_inputs(contract) == {"image_bytes"}


def test_judge_by_an_abbreviated_metric_spells_it_in_capitals() -> None:
    gate = GateSpec(metric="auc", direction="higher", threshold=0.9)
    found = verdict(gate, metrics={"auc": 0.95}, trivial_metrics={"auc": 0.5})
    assert "AUC 0.95 reaches the threshold of 0.9." in found.reasons
