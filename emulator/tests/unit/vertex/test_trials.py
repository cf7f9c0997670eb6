import pytest

from emulator.vertex.gapic import types
from emulator.vertex.trials import argument, new_trial, trial_job, trial_results

PARAMETERS = [
    {"parameter_id": "rate", "double_value_spec": {"min_value": 0.1, "max_value": 1.0}},
    {"parameter_id": "units", "integer_value_spec": {"min_value": 1, "max_value": 9}},
]
STUDY = types.StudySpec(metrics=[{"metric_id": "auc"}], parameters=PARAMETERS)


@pytest.mark.parametrize(
    ("value", "text"), [(0.001, "0.001"), (1e-5, "1e-05"), (16.0, "16"), (3, "3"), ("relu", "relu")]
)
def test_argument_of_a_whole_number_has_no_point(value, text: str) -> None:
    assert argument(value) == text


def test_trial_job_appends_the_values_to_every_pool_and_leaves_the_job_alone() -> None:
    container = {"container_spec": {"args": ["--epochs", "2"]}, "replica_count": 1}
    package = {"python_package_spec": {"args": []}, "replica_count": 1}
    tuning_job = types.HyperparameterTuningJob(
        display_name="d" * 128,
        study_spec=STUDY,
        trial_job_spec={"worker_pool_specs": [container, {}, package]},
    )
    job = trial_job(tuning_job, (0.5, 3), trial_id="7")
    pools = job.job_spec.worker_pool_specs
    assert pools[0].container_spec.args == ["--epochs", "2", "--rate=0.5", "--units=3"]
    assert pools[2].python_package_spec.args == ["--rate=0.5", "--units=3"]
    assert len(job.display_name) == 128
    assert job.display_name.endswith("-trial-7")
    assert tuning_job.trial_job_spec.worker_pool_specs[0].container_spec.args == ["--epochs", "2"]


def test_trial_results_give_whole_numbers_and_metrics_back() -> None:
    trial = new_trial(STUDY, (0.5, 3), trial_id="1", custom_job="c")
    (running,) = trial_results(STUDY, [trial])
    assert running.parameters == (0.5, 3)
    assert isinstance(running.parameters[1], int)
    assert not running.metrics
    trial.state = types.Trial.State.SUCCEEDED
    trial.final_measurement = types.Measurement(metrics=[{"metric_id": "auc", "value": 0.9}])
    (finished,) = trial_results(STUDY, [trial])
    assert finished.metrics == (0.9,)
