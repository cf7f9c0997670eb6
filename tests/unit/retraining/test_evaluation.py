"""`evaluation.json`, read."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from contract import ContractError
from retraining.evaluation import Evaluation


def document(**changes: Any) -> dict[str, Any]:
    return {
        "dataset": "flowers",
        "examples": 40,
        "metrics": {"accuracy": 0.9, "loss": 1},
        "trivial_baseline": {"kind": "majority_class", "metrics": {"accuracy": 0.4}},
        "production": {"version": 3, "model": "gs://b/m/", "metrics": {"accuracy": 0.8}},
        "export": {
            "signature": {"inputs": {"image_bytes": {}}, "outputs": {"classes": {}, "probabilities": {}}},
            "bytes": 10,
            "parity_max_abs_difference": 0,
            "finite": True,
        },
        **changes,
    }


def test_from_json_reads_what_the_gate_needs() -> None:
    assert Evaluation.from_json(json.dumps(document())) == Evaluation(
        examples=40,
        metrics={"accuracy": 0.9, "loss": 1.0},
        trivial_metrics={"accuracy": 0.4},
        test_examples=0,
        test_metrics={},
        production_version="3",
        production_metrics={"accuracy": 0.8},
        inputs=frozenset({"image_bytes"}),
        outputs=frozenset({"classes", "probabilities"}),
        parity_max_abs_difference=0.0,
        finite=True,
    )


def test_from_json_without_a_version_in_production_has_none() -> None:
    evaluation = Evaluation.from_json(json.dumps(document(production=None)))
    assert (evaluation.production_version, evaluation.production_metrics) == (None, {})


@pytest.mark.parametrize("test", [None, {"examples": 9, "metrics": {"accuracy": 0.7}}])
def test_from_json_takes_a_test_side_or_none(test: dict[str, Any] | None) -> None:
    evaluation = Evaluation.from_json(json.dumps(document(test=test)))
    found = (evaluation.test_examples, evaluation.test_metrics)
    assert found == ((9, {"accuracy": 0.7}) if test else (0, {}))


def test_from_json_takes_a_metric_that_is_no_number_of_arithmetic() -> None:
    evaluation = Evaluation.from_json(json.dumps(document(metrics={"accuracy": math.nan})))
    assert math.isnan(evaluation.metrics["accuracy"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "evaluation.json: expected JSON"),
        ("[]", "evaluation.json: expected a JSON object"),
        (json.dumps({"examples": 1}), "evaluation.json.trivial_baseline: expected dict, received 'nothing'"),
        (
            json.dumps(document(metrics={"accuracy": "high"})),
            "evaluation.json.metrics.accuracy: expected a number",
        ),
        (json.dumps(document(test={"examples": 9})), r"evaluation\.json\.test\.metrics: expected dict"),
        (json.dumps(document(export={"signature": {}})), r"evaluation\.json\.export.*: expected"),
    ],
)
def test_from_json_of_a_wrong_document_names_the_field(text: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Evaluation.from_json(text)
