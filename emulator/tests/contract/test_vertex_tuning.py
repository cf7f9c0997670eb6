"""Google's JobService client against the emulator: hyperparameter tuning, with trials that run for real."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import JobState
from google.cloud.aiplatform_v1.types import Trial
from google.cloud.logging_v2 import Client
from google.rpc import code_pb2

WAIT_SECONDS = 60
LEARNING_RATE = {
    "parameter_id": "learning_rate",
    "double_value_spec": {"min_value": 1e-4, "max_value": 1.0},
    "scale_type": "UNIT_LOG_SCALE",
}
UNITS = {"parameter_id": "units", "integer_value_spec": {"min_value": 1, "max_value": 64}}
OPTIMIZER = {"parameter_id": "optimizer", "categorical_value_spec": {"values": ["sgd", "adam"]}}
RATES = {"parameter_id": "learning_rate", "discrete_value_spec": {"values": [0.001, 0.01, 1.0]}}
OVER = (JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED)


class Tuning:
    """The requests that the tests make of one project."""

    def __init__(self, vertex: Any) -> None:
        self.vertex = vertex

    def create(
        self,
        *args: str,
        parameters: Any = (LEARNING_RATE,),
        study: Any = None,
        spec: Any = None,
        **fields: Any,
    ) -> Any:
        pools = [self.vertex.container_pool(*args, image="little_tuned")]
        metrics = [{"metric_id": "accuracy", "goal": "MAXIMIZE"}]
        job = {
            "display_name": "little",
            "max_trial_count": 4,
            "parallel_trial_count": 2,
            "study_spec": {"metrics": metrics, "parameters": list(parameters), **(study or {})},
            "trial_job_spec": {"worker_pool_specs": pools, **(spec or {})},
            **fields,
        }
        return self.vertex.jobs.create_hyperparameter_tuning_job(
            parent=self.vertex.parent, hyperparameter_tuning_job=job
        )

    def get(self, name: str) -> Any:
        return self.vertex.jobs.get_hyperparameter_tuning_job(name=name)

    def wait(self, name: str, condition: Callable[[Any], bool] = lambda job: job.state in OVER) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition(job := self.get(name)):
            assert time.monotonic() < deadline, f"{name} is still {job.state.name}: {job.trials}"
            time.sleep(0.05)
        return job

    def run(self, *args: str, **fields: Any) -> Any:
        return self.wait(self.create(*args, **fields).name)

    def told(self, trial: Any, replica: str = "workerpool0-0") -> Any:
        """Environment and arguments of a trial."""
        job = self.vertex.jobs.get_custom_job(name=trial.custom_job)
        return json.loads(next(x for x in self.vertex.log_lines(job, replica) if x.startswith("{")))


@pytest.fixture
def tuning(vertex: Any) -> Tuning:
    return Tuning(vertex)


@pytest.fixture
def own_tuning(own_vertex: Any) -> Tuning:
    return Tuning(own_vertex)


def active(job: Any) -> list[Any]:
    return [trial for trial in job.trials if trial.state == Trial.State.ACTIVE]


def values(job: Any) -> list[dict[str, Any]]:
    return [{given.parameter_id: given.value for given in trial.parameters} for trial in job.trials]


def measured(job: Any) -> list[dict[str, float]]:
    return [
        {metric.metric_id: metric.value for metric in trial.final_measurement.metrics} for trial in job.trials
    ]


def test_job_runs_its_trials_and_measures_them(tuning: Tuning) -> None:
    output = f"gs://vertex-contract/{tuning.vertex.project}/tuned"
    job = tuning.create(
        parameters=[LEARNING_RATE, UNITS, OPTIMIZER],
        spec={"base_output_directory": {"output_uri_prefix": output}},
        labels={"perennial_run": "a-1"},
    )
    assert job.state == JobState.JOB_STATE_PENDING
    job = tuning.wait(job.name)
    assert job.state == JobState.JOB_STATE_SUCCEEDED, job.error
    assert job.create_time <= job.start_time <= job.end_time
    assert [trial.id for trial in job.trials] == ["1", "2", "3", "4"]
    for trial, given, metrics in zip(job.trials, values(job), measured(job), strict=True):
        assert trial.state == Trial.State.SUCCEEDED
        assert trial.start_time <= trial.end_time
        assert 1e-4 <= given["learning_rate"] <= 1
        assert given["optimizer"] in ("sgd", "adam")
        assert list(metrics) == ["accuracy"]
        assert trial.final_measurement.step_count == 3
        assert [measurement.step_count for measurement in trial.measurements] == [1, 2, 3]
        told = tuning.told(trial)
        assert told["arguments"] == [
            f"--learning_rate={given['learning_rate']}",
            f"--units={int(given['units'])}",
            f"--optimizer={given['optimizer']}",
        ]
        assert told["CLOUD_ML_TRIAL_ID"] == trial.id
        assert told["CLOUD_ML_JOB_ID"] == job.name.rpartition("/")[2]
        assert told["AIP_MODEL_DIR"] == f"{output}/{trial.id}/model/"
        assert told["AIP_CHECKPOINT_DIR"] == f"{output}/{trial.id}/checkpoints/"
        assert told["AIP_TENSORBOARD_LOG_DIR"] == f"{output}/{trial.id}/logs/"


def test_job_runs_no_more_trials_at_a_time_than_it_says(tuning: Tuning, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    job = tuning.create("--until", str(go_on))
    job = tuning.wait(job.name, lambda job: all(trial.measurements for trial in active(job)) and active(job))
    running = tuning.wait(job.name, lambda job: len(active(job)) == 2)
    assert running.state == JobState.JOB_STATE_RUNNING
    assert len(running.trials) == 2
    assert not running.trials[0].end_time
    go_on.touch()
    assert len(tuning.wait(job.name).trials) == 4


def test_same_request_tries_the_same_values_again(tuning: Tuning) -> None:
    jobs = [tuning.run(max_trial_count=5, parallel_trial_count=1) for _ in range(2)]
    assert values(jobs[0]) == values(jobs[1])
    assert len({given["learning_rate"] for given in values(jobs[0])}) == 5


def test_grid_search_tries_every_combination_once_and_stops(tuning: Tuning) -> None:
    job = tuning.run(
        parameters=[RATES, OPTIMIZER], study={"algorithm": "GRID_SEARCH"},
        max_trial_count=9, parallel_trial_count=3,
    )  # fmt: skip
    assert job.state == JobState.JOB_STATE_SUCCEEDED
    assert values(job) == [
        {"learning_rate": rate, "optimizer": name} for rate in (0.001, 0.01, 1.0) for name in ("sgd", "adam")
    ]
    assert tuning.told(job.trials[4])["arguments"] == ["--learning_rate=1", "--optimizer=sgd"]
    best = max(range(6), key=lambda index: measured(job)[index]["accuracy"])
    assert values(job)[best]["learning_rate"] == 0.01


def test_trial_that_fails_is_infeasible_and_the_job_goes_on(tuning: Tuning) -> None:
    job = tuning.run("--fail-above", "0.5", parameters=[RATES], study={"algorithm": "GRID_SEARCH"})
    assert job.state == JobState.JOB_STATE_SUCCEEDED
    assert [trial.state.name for trial in job.trials] == ["SUCCEEDED", "SUCCEEDED", "INFEASIBLE"]
    assert "the learning rate is too high" in job.trials[2].infeasible_reason
    assert not job.trials[2].final_measurement.metrics


def test_job_with_too_many_failed_trials_fails_and_ends_the_others(tuning: Tuning) -> None:
    never = "--until", "/nowhere"
    job = tuning.create(
        *never, parameters=[RATES], study={"algorithm": "GRID_SEARCH"},
        max_trial_count=3, parallel_trial_count=3, max_failed_trial_count=1,
    )  # fmt: skip
    running = tuning.wait(job.name, lambda job: len(active(job)) == 3)
    tuning.vertex.jobs.cancel_custom_job(name=running.trials[1].custom_job)
    over = tuning.wait(job.name)
    assert over.state == JobState.JOB_STATE_FAILED
    assert "Trial 2: The job was cancelled" in over.error.message
    assert {trial.state.name for trial in over.trials} == {"INFEASIBLE"}


def test_trial_without_the_metric_is_infeasible_and_names_it(tuning: Tuning) -> None:
    job = tuning.run("--metric", "auc", max_trial_count=1, parallel_trial_count=1)
    assert job.state == JobState.JOB_STATE_FAILED
    reason = job.trials[0].infeasible_reason
    assert "expected a finite value of accuracy" in reason
    assert "received auc=" in reason
    assert reason in job.error.message


def test_best_measurement_is_chosen_where_the_study_says_so(tuning: Tuning) -> None:
    study = {"measurement_selection_type": "BEST_MEASUREMENT"}
    job = tuning.run("--steps", "2,9,4", study=study, max_trial_count=1, parallel_trial_count=1)
    assert job.trials[0].final_measurement.step_count == 9


def test_trial_of_several_replicas_tells_each_its_place(tuning: Tuning) -> None:
    pools = [tuning.vertex.container_pool("--learning_rate=1", image="little_tuned") for _ in range(2)]
    job = tuning.run(
        parameters=[UNITS], spec={"worker_pool_specs": pools}, max_trial_count=1, parallel_trial_count=1
    )
    assert job.state == JobState.JOB_STATE_SUCCEEDED, job.error
    told = [tuning.told(job.trials[0], replica) for replica in ("workerpool0-0", "workerpool1-0")]
    configs = [json.loads(environment["TF_CONFIG"]) for environment in told]
    assert [config["task"] for config in configs] == [
        {"type": "chief", "index": 0, "trial": "1"}, {"type": "worker", "index": 0, "trial": "1"},
    ]  # fmt: skip
    assert configs[0]["cluster"] == configs[1]["cluster"]
    assert told[0]["arguments"] == told[1]["arguments"]
    assert told[0]["CLOUD_ML_HP_METRIC_FILE"] != told[1]["CLOUD_ML_HP_METRIC_FILE"]


def test_job_that_is_cancelled_ends_its_trials(tuning: Tuning) -> None:
    job = tuning.create("--until", "/nowhere")
    running = tuning.wait(job.name, lambda job: len(active(job)) == 2)
    tuning.vertex.jobs.cancel_hyperparameter_tuning_job(name=job.name)
    over = tuning.wait(job.name)
    assert over.state == JobState.JOB_STATE_CANCELLED
    assert over.error.code == code_pb2.CANCELLED
    assert [trial.infeasible_reason for trial in over.trials] == ["The job was cancelled."] * 2
    for trial in running.trials:
        custom_job = tuning.vertex.jobs.get_custom_job(name=trial.custom_job)
        assert custom_job.state == JobState.JOB_STATE_CANCELLED


def test_delete_takes_the_trials_with_it(tuning: Tuning) -> None:
    jobs = tuning.vertex.jobs
    job = tuning.create("--until", "/nowhere", max_trial_count=1, parallel_trial_count=1)
    tuning.wait(job.name, active)
    with pytest.raises(exceptions.BadRequest, match="cancel it before"):
        jobs.delete_hyperparameter_tuning_job(name=job.name)
    jobs.cancel_hyperparameter_tuning_job(name=job.name)
    trial = tuning.wait(job.name).trials[0]
    with pytest.raises(exceptions.BadRequest, match=f"the trial 1 of {job.name}"):
        jobs.delete_custom_job(name=trial.custom_job)
    jobs.delete_hyperparameter_tuning_job(name=job.name).result(timeout=WAIT_SECONDS)
    for get, name in (
        (jobs.get_hyperparameter_tuning_job, job.name),
        (jobs.get_custom_job, trial.custom_job),
    ):
        with pytest.raises(exceptions.NotFound):
            get(name=name)


def test_list_finds_jobs_by_label_and_state(tuning: Tuning) -> None:
    first = tuning.run(labels={"perennial_run": "a-1"}, max_trial_count=1, parallel_trial_count=1)
    second = tuning.run("--metric", "auc", labels={"perennial_run": "a-2"}, max_trial_count=1,
                        parallel_trial_count=1)  # fmt: skip

    def found(text: str) -> list[str]:
        request = {"parent": tuning.vertex.parent, "filter": text}
        return [job.name for job in tuning.vertex.jobs.list_hyperparameter_tuning_jobs(request=request)]

    assert found("") == [second.name, first.name]
    assert found('labels.perennial_run="a-1"') == [first.name]
    assert found('state="JOB_STATE_FAILED"') == [second.name]
    request = {"parent": tuning.vertex.parent, "filter": "labels.perennial_run:*"}
    assert not list(tuning.vertex.jobs.list_custom_jobs(request=request)), "labels are not the trials'"


def test_log_of_a_job_has_its_trials_lines(tuning: Tuning) -> None:

    job = tuning.run(max_trial_count=2, parallel_trial_count=2)
    client = Client(
        project=tuning.vertex.project,
        credentials=tuning.vertex.emulator.credentials,
        client_options={"api_endpoint": f"http://127.0.0.1:{tuning.vertex.emulator.port}"},
        _use_grpc=False,
    )
    job_id = job.name.rpartition("/")[2]
    entries = list(client.list_entries(filter_=f'resource.type="ml_job" resource.labels.job_id="{job_id}"'))
    assert {entry.labels["ml.googleapis.com/trial_id"] for entry in entries} == {"1", "2"}
    assert len({entry.insert_id for entry in entries}) == len(entries)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"parallel_trial_count": 5}, exceptions.BadRequest, "parallel_trial_count: expected 1 to"),
        ({"max_trial_count": 0}, exceptions.BadRequest, "max_trial_count: expected 1 or more"),
        ({"parameters": []}, exceptions.BadRequest, r"study_spec\.parameters: expected at least one"),
        ({"spec": {"worker_pool_specs": []}}, exceptions.BadRequest,
         r"trial_job_spec\.worker_pool_specs: expected 1 to 4"),
        ({"study": {"median_automated_stopping_spec": {}}}, exceptions.MethodNotImplemented,
         "median_automated_stopping_spec is not emulated"),
    ],
)  # fmt: skip
def test_create_of_a_wrong_job_names_the_field(tuning: Tuning, change: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        tuning.create(**change)


def test_job_goes_on_when_the_emulator_is_killed(own_tuning: Tuning, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    job = own_tuning.create("--until", str(go_on))
    before = own_tuning.wait(job.name, lambda job: len([t for t in active(job) if t.measurements]) == 2)
    own_tuning.vertex.emulator.restart()
    again = own_tuning.get(job.name)
    assert again.state == JobState.JOB_STATE_RUNNING
    assert [trial.custom_job for trial in again.trials] == [trial.custom_job for trial in before.trials]
    go_on.touch()
    over = own_tuning.wait(job.name)
    assert over.state == JobState.JOB_STATE_SUCCEEDED
    assert [trial.state.name for trial in over.trials] == ["SUCCEEDED"] * 4
    assert len({trial.custom_job for trial in over.trials}) == 4


def test_stop_of_the_emulator_ends_the_job_and_says_so(own_tuning: Tuning) -> None:
    job = own_tuning.create("--until", "/nowhere")
    running = own_tuning.wait(job.name, lambda job: len([t for t in active(job) if t.measurements]) == 2)
    custom_job = own_tuning.vertex.jobs.get_custom_job(name=running.trials[0].custom_job)
    folder = Path(own_tuning.vertex.emulator.root, "jobs", custom_job.name.rpartition("/")[2])
    pid = json.loads((folder / "workerpool0-0" / "process.json").read_text())["command"]["pid"]
    own_tuning.vertex.emulator.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    own_tuning.vertex.emulator.start()
    over = own_tuning.get(job.name)
    assert over.state == JobState.JOB_STATE_FAILED
    assert "emulator was stopped" in over.error.message
    assert "emulator was stopped" in over.trials[0].infeasible_reason
    assert {trial.state.name for trial in over.trials} == {"INFEASIBLE"}
