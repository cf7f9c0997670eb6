import copy
import re
from typing import Any

import pytest

from emulator.errors import ApiError
from emulator.vertex.gapic import types
from emulator.vertex.study_spec import check_tuning_job

POOL = {
    "machine_spec": {"machine_type": "n1-standard-4"},
    "replica_count": 1,
    "container_spec": {"image_uri": "x/trainer:1"},
}
JOB: dict[str, Any] = {
    "display_name": "tuned",
    "max_trial_count": 4,
    "parallel_trial_count": 2,
    "study_spec": {
        "metrics": [{"metric_id": "auc", "goal": "MAXIMIZE"}],
        "parameters": [
            {"parameter_id": "rate", "double_value_spec": {"min_value": 0.1, "max_value": 1.0}},
            {"parameter_id": "units", "integer_value_spec": {"min_value": 1, "max_value": 9}},
            {"parameter_id": "name", "categorical_value_spec": {"values": ["a", "b"]}},
            {"parameter_id": "batch", "discrete_value_spec": {"values": [8, 16]}},
        ],
    },
    "trial_job_spec": {"worker_pool_specs": [POOL]},
}


def changed(path: str, value: Any) -> Any:
    """The job with another value at a path like `study_spec.metrics.0.metric_id`."""
    document = copy.deepcopy(JOB)
    *parents, last = path.split(".")
    inner: Any = document
    for name in parents:
        inner = inner[int(name)] if name.isdigit() else inner[name]
    inner[int(last) if last.isdigit() else last] = value
    return types.HyperparameterTuningJob(document)


def test_check_tuning_job_takes_all_kinds_of_values() -> None:
    check_tuning_job(types.HyperparameterTuningJob(JOB))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("display_name", "", "hyperparameter_tuning_job.display_name: expected 1 to 128"),
        ("max_trial_count", 0, "max_trial_count: expected 1 or more, received 0"),
        ("parallel_trial_count", 5, "parallel_trial_count: expected 1 to max_trial_count (4), received 5"),
        ("parallel_trial_count", 0, "parallel_trial_count: expected 1 to max_trial_count (4), received 0"),
        ("max_failed_trial_count", -1, "max_failed_trial_count: expected 0 or more, received -1"),
        ("study_spec.metrics", [], "study_spec.metrics: expected at least one, received none"),
        ("study_spec.metrics.0.metric_id", "a b", "metrics[0].metric_id: expected text without white space"),
        ("study_spec.parameters.1.parameter_id", "rate", "parameters[1].parameter_id: expected each once"),
        ("study_spec.parameters.0", {"parameter_id": "x"},
         "parameters[0]: expected one of double_value_spec"),
        ("study_spec.parameters.0.double_value_spec.max_value", 0.01,
         "parameters[0].double_value_spec.max_value: expected at least min_value (0.1), received 0.01"),
        ("study_spec.parameters.0.double_value_spec.min_value", float("nan"), "expected finite numbers"),
        ("study_spec.parameters.0.double_value_spec.default_value", 0.5, "double_value_spec.default_value"),
        ("study_spec.parameters.2.scale_type", "UNIT_LINEAR_SCALE",
         "parameters[2].scale_type: expected none"),
        ("study_spec.parameters.2.categorical_value_spec.values", ["a", "a"],
         "each once, received ['a', 'a']"),
        ("study_spec.parameters.3.discrete_value_spec.values", [2, 1],
         "increasing order, received [2.0, 1.0]"),
        ("study_spec.parameters.3.discrete_value_spec.values", [], "expected 1 to 1000 numbers, received 0"),
        ("study_spec.algorithm", "GRID_SEARCH", "parameters[0].double_value_spec: GRID_SEARCH takes"),
        ("trial_job_spec.worker_pool_specs", [],
         "hyperparameter_tuning_job.trial_job_spec.worker_pool_specs: expected 1 to 4 pools, received 0"),
        ("trial_job_spec.base_output_directory", {"output_uri_prefix": "/here"}, "expected gs://BUCKET/..."),
    ],
)  # fmt: skip
def test_check_tuning_job_with_a_wrong_field_names_it(path: str, value: Any, message: str) -> None:
    with pytest.raises(ApiError, match=re.escape(message)) as raised:
        check_tuning_job(changed(path, value))
    assert raised.value.code == 400


@pytest.mark.parametrize("scale", ["UNIT_LOG_SCALE", "UNIT_REVERSE_LOG_SCALE"])
def test_check_tuning_job_with_a_logarithm_of_zero_is_refused(scale: str) -> None:
    values = {"min_value": 0, "max_value": 9}
    spec = {"parameter_id": "units", "integer_value_spec": values, "scale_type": scale}
    with pytest.raises(ApiError, match=f"min_value: expected more than 0 for {scale}, received 0"):
        check_tuning_job(changed("study_spec.parameters.1", spec))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("study_spec.decay_curve_stopping_spec", {}),
        ("study_spec.median_automated_stopping_spec", {}),
        ("study_spec.convex_automated_stopping_spec", {}),
        ("study_spec.study_stopping_config", {}),
        ("study_spec.metrics.0.safety_config", {"safety_threshold": 1}),
        ("study_spec.parameters.0.conditional_parameter_specs", [{"parameter_spec": {"parameter_id": "x"}}]),
    ],
)
def test_check_tuning_job_with_what_is_not_emulated_names_it(path: str, value: Any) -> None:
    with pytest.raises(ApiError, match=f"{path.rpartition('.')[2]} is not emulated") as raised:
        check_tuning_job(changed(path, value))
    assert raised.value.code == 501
