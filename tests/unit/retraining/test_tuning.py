"""A search as Vertex AI puts it, and what its trials come to."""

from __future__ import annotations

import pytest
from google.cloud.aiplatform_v1 import StudySpec

from contract import GateSpec, Search, TuningSpec
from retraining.tuning import Trial, best_trial, study_spec, trial_arguments

AUC = GateSpec(metric="auc", direction="higher", threshold=0.9)
RMSE = GateSpec(metric="rmse", direction="lower", threshold=4)
TUNING = TuningSpec(
    parameters={
        "learning_rate": Search(minimum=1e-4, maximum=1e-2, scale="log"),
        "units": Search(minimum=50, maximum=500),
        "batch": Search(values=(64, 32)),
        "optimizer": Search(values=("adam", "sgd")),
    }
)


def trial(number: int, state: str = "SUCCEEDED", **metrics: float) -> Trial:
    values = {"learning_rate": 0.001, "units": 99.0, "batch": 32.0, "optimizer": "sgd"}
    return Trial(id=str(number), state=state, values=values, metrics=metrics)


def test_study_spec_is_what_vertex_ai_takes() -> None:
    spec = StudySpec(study_spec(TUNING, AUC))
    rate, units, batch, optimizer = spec.parameters
    assert [(metric.metric_id, metric.goal.name) for metric in spec.metrics] == [("auc", "MAXIMIZE")]
    assert (rate.double_value_spec.min_value, rate.double_value_spec.max_value) == (1e-4, 1e-2)
    assert (rate.scale_type.name, units.scale_type.name) == ("UNIT_LOG_SCALE", "UNIT_LINEAR_SCALE")
    assert (units.integer_value_spec.min_value, units.integer_value_spec.max_value) == (50, 500)
    assert list(batch.discrete_value_spec.values) == [32, 64]
    assert list(optimizer.categorical_value_spec.values) == ["adam", "sgd"]
    assert optimizer.scale_type.name == "SCALE_TYPE_UNSPECIFIED"


def test_study_spec_of_a_metric_where_less_is_better_minimizes_it() -> None:
    assert study_spec(TUNING, RMSE)["metrics"] == [{"metric_id": "rmse", "goal": "MINIMIZE"}]


@pytest.mark.parametrize(("gate", "best"), [(AUC, "2"), (RMSE, "1")])
def test_best_trial_follows_the_gates_direction(gate: GateSpec, best: str) -> None:
    trials = [
        trial(1, auc=0.8, rmse=1),
        trial(2, auc=0.9, rmse=2),
        trial(3, auc=0.9, rmse=2),
        trial(4, "INFEASIBLE", auc=0.99, rmse=0),
        trial(5),
    ]
    found = best_trial(trials, gate)
    assert found is not None
    assert found.id == best


def test_best_trial_of_none_that_reported_is_none() -> None:
    assert best_trial([trial(1), trial(2, "INFEASIBLE", auc=1)], AUC) is None


def test_arguments_have_the_types_that_the_search_names() -> None:
    found = trial_arguments(trial(1), TUNING)
    assert found == {"learning_rate": 0.001, "units": 99, "batch": 32, "optimizer": "sgd"}
    assert [type(value) for value in found.values()] == [float, int, int, str]


def test_sentence_tells_arguments_and_metric() -> None:
    assert trial(3, auc=0.91).sentence("auc") == (
        "trial 3 (learning_rate 0.001, units 99, batch 32, optimizer sgd): SUCCEEDED, auc 0.91"
    )
    assert trial(4, "ACTIVE").sentence("auc").endswith("): ACTIVE")
