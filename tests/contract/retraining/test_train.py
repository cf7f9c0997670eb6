"""`train` and `tune` against the emulator's Vertex AI."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRescheduleException

from contract import ServingSpec
from retraining.context import run_context
from retraining.google import calls
from retraining_chain import wait_for

WAIT_SECONDS = 60
CREATE = "aiplatform.JobService.CreateCustomJob"


def states(chain: Any) -> list[str]:
    return [job.state.name for job in chain.jobs()]


def test_train_runs_a_job_and_tells_what_the_model_reached(
    chain: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    result = chain.with_params(accuracy=0.8).train()
    (job,) = chain.jobs()
    assert result == {
        "job": job.name,
        "job_dir": job.job_spec.base_output_directory.output_uri_prefix,
        "machines": "BASIC",
        "metrics": {"accuracy": 0.8, "loss": 0.3},
        "production_version": None,
        "note": "accuracy 0.8 on 40 records",
    }
    assert dict(job.labels) == {
        "perennial_deployment": "default",
        "perennial_dataset": "flowers",
        "perennial_run": job.labels["perennial_run"],
        "perennial_task": "train",
        "perennial_inputs": job.labels["perennial_inputs"],
        "perennial_tier": "basic",
    }
    log = capsys.readouterr().out
    assert f"| training on gs://{chain.bucket}/datasets/flowers/" in log
    assert "| trained" in log
    assert f"{job.name} is JOB_STATE_SUCCEEDED" in log


def test_train_that_is_repeated_makes_one_job(chain: Any) -> None:
    assert chain.train() == chain.train()
    assert states(chain) == ["JOB_STATE_SUCCEEDED"]


def test_train_with_other_inputs_or_in_another_run_makes_another_job(chain: Any) -> None:
    chain.train()
    chain.with_params(accuracy=0.7).train()
    chain.other_run("manual__2").train()
    assert len(chain.jobs()) == 3


def test_train_whose_request_was_answered_to_nobody_adopts_its_job(
    chain: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    chain.proxy.lose_answer("/customJobs")
    chain.train()
    (job,) = chain.jobs()
    assert f"Adopted {job.name}" in capsys.readouterr().out


def test_train_whose_job_is_in_no_list_yet_makes_no_second_one(chain: Any) -> None:
    chain.fault("lagging_lists", delay_seconds=1)
    chain.proxy.lose_answer("/customJobs")
    chain.train()
    assert sum(write.endswith("/customJobs") for write in chain.proxy.writes) == 1
    assert states(chain) == ["JOB_STATE_SUCCEEDED"]


def test_train_goes_on_while_the_service_is_away_for_a_moment(chain: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    chain.fault(CREATE, http_status=503, count=1)
    chain.fault("aiplatform.JobService.ListCustomJobs", http_status=429, count=1)
    chain.fault("aiplatform.JobService.GetCustomJob", http_status=503, count=3)
    chain.fault("logging.entries.list", http_status=503, count=1)
    timer = threading.Timer(1, go.touch)
    timer.start()
    chain.with_params(until=str(go)).train()
    timer.join()
    assert states(chain) == ["JOB_STATE_SUCCEEDED"]


def test_train_whose_job_fails_says_why_and_makes_a_new_job_when_retried(chain: Any) -> None:
    broken = chain.with_params(fail="the learning rate is too high")
    for _ in range(2):
        with pytest.raises(AirflowException, match=r"JOB_STATE_FAILED: (.|\n)*learning rate") as raised:
            broken.train()
        assert not isinstance(raised.value, AirflowFailException)
    assert states(chain) == ["JOB_STATE_FAILED", "JOB_STATE_FAILED"]


def test_train_that_gets_no_machines_waits_for_them_and_goes_on(chain: Any, tmp_path: Path) -> None:
    run = chain.with_params(until=str(tmp_path / "go-on"))
    chain.fault("preemption")
    with pytest.raises(AirflowRescheduleException) as first:
        run.train()
    assert timedelta() < first.value.reschedule_date - datetime.now(UTC) <= timedelta(seconds=15)
    assert "preempted" in chain.task.xcoms["note"]
    (tmp_path / "go-on").touch()
    assert run.train()["metrics"]["accuracy"] == 0.9
    assert states(chain) == ["JOB_STATE_FAILED", "JOB_STATE_SUCCEEDED"]


def test_train_that_has_waited_long_for_machines_looks_rarely_and_then_fails(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "infrastructure.toml"
    file.write_text("[training]\nwait_minutes = 60")
    monkeypatch.setenv("PERENNIAL_INFRASTRUCTURE_FILE", str(file))
    chain.fault("preemption", count=2)
    run = chain.with_params(until=str(tmp_path / "never"))
    chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=10)
    with pytest.raises(AirflowRescheduleException) as late:
        run.train()
    assert timedelta(minutes=4) < late.value.reschedule_date - datetime.now(UTC) < timedelta(minutes=6)
    chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=61)
    with pytest.raises(AirflowException, match=r"preempted.*; waited since"):
        run.train()


def test_train_above_the_quota_waits_until_there_is_some(chain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CREATE_SECONDS", 0.5)
    chain.fault(CREATE, http_status=429, count=1000)
    with pytest.raises(AirflowRescheduleException):
        chain.train()
    chain.emulator.clear_faults()
    assert chain.train()["metrics"]["accuracy"] == 0.9


def write_infrastructure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    file = tmp_path / "infrastructure.toml"
    file.write_text(text)
    monkeypatch.setenv("PERENNIAL_INFRASTRUCTURE_FILE", str(file))


FALLBACK = """
[training]
wait_minutes = 60
fallback.BASIC = [{ after_minutes = 30, spot = false }, { after_minutes = 20, tier = "LARGE" }]
"""


@pytest.mark.parametrize(
    ("waited", "tier", "strategy"),
    [(0, "basic", "SPOT"), (29, "basic", "SPOT"), (31, "basic", "STRATEGY_UNSPECIFIED"), (51, "large", "")],
)
def test_train_that_waits_in_vain_takes_the_next_machines(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited: int, tier: str, strategy: str
) -> None:
    write_infrastructure(tmp_path, monkeypatch, FALLBACK)
    if waited:
        chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=waited)
    result = chain.with_params(spot=True).train()
    (job,) = chain.jobs()
    assert job.labels["perennial_tier"] == tier
    assert job.job_spec.scheduling.strategy.name == (strategy or "STRATEGY_UNSPECIFIED")
    machine = job.job_spec.worker_pool_specs[0].machine_spec.machine_type
    assert machine == {"basic": "n1-standard-4", "large": "n1-highcpu-32"}[tier]
    assert result["machines"] == tier.upper() + (" as Spot VMs" if strategy == "SPOT" else "")
    assert ("since no BASIC as Spot VMs came" in result["note"]) == (waited > 30)


def test_train_that_waits_says_what_comes_next_and_looks_then(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_infrastructure(tmp_path, monkeypatch, FALLBACK)
    monkeypatch.setattr(calls, "CREATE_SECONDS", 0.5)
    chain.fault(CREATE, http_status=429, count=1000)
    run = chain.with_params(spot=True)
    chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=25)
    with pytest.raises(AirflowRescheduleException) as turned:
        run.train()
    assert turned.value.reschedule_date == chain.task.rescheduled + timedelta(minutes=30)
    assert chain.task.xcoms["note"].endswith(" UTC with BASIC")
    chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=31)
    with pytest.raises(AirflowRescheduleException):
        run.train()
    assert chain.task.xcoms["note"].endswith(" with LARGE")
    for waited, error in ((109, AirflowRescheduleException), (111, AirflowException)):
        chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=waited)
        with pytest.raises(error):
            run.train()
    chain.emulator.clear_faults()


def test_train_that_failed_for_another_reason_takes_the_machines_that_it_asks_for(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_infrastructure(tmp_path, monkeypatch, FALLBACK)
    run = chain.with_params(fail="the learning rate is too high")
    with pytest.raises(AirflowException, match="learning rate"):
        run.train()
    chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=90)  # long before that job
    with pytest.raises(AirflowException, match="learning rate"):
        run.train()
    assert [job.labels["perennial_tier"] for job in chain.jobs()] == ["basic", "basic"]


def test_train_that_lost_machines_at_once_has_waited_all_the_same(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_infrastructure(tmp_path, monkeypatch, FALLBACK)
    go = tmp_path / "go-on"
    run = chain.with_params(until=str(go))
    chain.fault("preemption")
    with pytest.raises(AirflowRescheduleException):
        run.train()
    chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=55)
    go.touch()
    assert run.train()["machines"] == "LARGE"


def test_tune_takes_the_next_machines_too(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_infrastructure(tmp_path, monkeypatch, FALLBACK)
    chain.task.rescheduled = datetime.now(UTC) - timedelta(minutes=55)
    assert "; on LARGE, since no BASIC came" in chain.with_params(tune=True).tune()["note"]


def test_production_has_the_machines_and_the_endpoint_of_the_deployment_where_the_spec_says_nothing(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_infrastructure(
        tmp_path,
        monkeypatch,
        '[serving]\nmachine_type = "n1-standard-4"\naccelerator_type = "NVIDIA_TESLA_T4"\nmax_replicas = 3\n'
        "dedicated_endpoint = true\n",
    )
    chain.with_spec(serving=ServingSpec(max_replicas=2)).promoted("manual__0")
    with run_context(chain.context) as context:
        endpoint = context.clients.endpoints.get_endpoint(name=context.endpoints.name("flowers"))
    resources = endpoint.deployed_models[0].dedicated_resources
    assert resources.machine_spec.machine_type == "n1-standard-4"
    assert resources.machine_spec.accelerator_type.name == "NVIDIA_TESLA_T4"
    assert (resources.min_replica_count, resources.max_replica_count) == (1, 2)
    assert endpoint.dedicated_endpoint_enabled


def test_train_and_its_production_have_the_deployments_key_and_labels(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
    file = tmp_path / "infrastructure.toml"
    file.write_text(f'kms_key = "{key}"\n[labels]\ncost_center = "ml-platform"\n')
    monkeypatch.setenv("PERENNIAL_INFRASTRUCTURE_FILE", str(file))
    chain.train()
    chain.promoted("manual__0")
    with run_context(chain.context) as context:
        endpoint = context.clients.endpoints.get_endpoint(name=context.endpoints.name("flowers"))
        model = context.clients.models.get_model(name=context.models.name("flowers"))
    assert {chain.jobs()[0].encryption_spec.kms_key_name, endpoint.encryption_spec.kms_key_name} == {key}
    assert model.encryption_spec.kms_key_name == key
    for resource in (chain.jobs()[0], endpoint, model):
        assert resource.labels["cost_center"] == "ml-platform"
        assert resource.labels["perennial_dataset"] == "flowers"


def test_train_whose_evaluation_is_missing_fails_at_once_and_names_it(chain: Any) -> None:
    job_dir = chain.train()["job_dir"]
    chain.file(job_dir + "evaluation.json").unlink()
    with pytest.raises(AirflowFailException, match=f"{job_dir}evaluation.json does not exist"):
        chain.train()


def test_train_that_is_killed_cancels_its_job(chain: Any, tmp_path: Path) -> None:
    operator = chain.trainer()
    killer = threading.Thread(
        target=lambda: (wait_for(lambda: states(chain) == ["JOB_STATE_RUNNING"]), operator.on_kill())
    )
    killer.start()
    with pytest.raises(AirflowException, match=r"JOB_STATE_CANCELLED|killed"):
        operator.execute(chain.with_params(until=str(tmp_path / "never")).context)
    killer.join()
    assert states(chain) == ["JOB_STATE_CANCELLED"]


def test_train_that_is_killed_while_its_job_is_made_cancels_it(chain: Any, tmp_path: Path) -> None:
    operator = chain.trainer()
    chain.fault(CREATE, delay_seconds=1)
    timer = threading.Timer(0.5, operator.on_kill)
    timer.start()
    with pytest.raises(AirflowException, match="killed"):
        operator.execute(chain.with_params(until=str(tmp_path / "never")).context)
    timer.join()
    wait_for(lambda: states(chain) == ["JOB_STATE_CANCELLED"])


def test_train_scores_the_version_that_is_in_production(chain: Any) -> None:
    version = chain.promoted("manual__0")
    result = chain.train()
    assert result["production_version"] == version.rpartition("@")[2] == "1"
    (job,) = chain.jobs()
    (pool,) = job.job_spec.worker_pool_specs
    model = next(value for value in pool.container_spec.args if value.startswith("--production_model="))
    assert model == f"--production_model={chain.versions()[0].artifact_uri}"


def searches(chain: Any) -> list[Any]:
    """The project's searches, oldest first."""
    with run_context(chain.context) as context:
        listed = list(context.clients.jobs.list_hyperparameter_tuning_jobs(parent=context.clients.parent))
    return sorted(listed, key=lambda job: job.create_time)


def search_states(chain: Any) -> list[str]:
    return [job.state.name for job in searches(chain)]


def test_tune_that_is_not_asked_for_does_nothing_and_says_so(chain: Any) -> None:
    assert chain.tune() == {
        "arguments": {},
        "job": None,
        "trials": [],
        "note": "no tuning: training uses the run's accuracy",
    }
    assert searches(chain) == []


def test_tune_gives_the_best_trials_arguments_which_training_uses(
    chain: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = chain.with_params(tune=True, served="as trained")
    result = asking.tune()
    (job,) = searches(chain)
    assert result["job"] == job.name
    assert len(result["trials"]) == job.max_trial_count == 4
    best = max(trial["metrics"]["accuracy"] for trial in result["trials"])
    assert result["arguments"] == {"accuracy": pytest.approx(best)}
    assert 0.5 <= best <= 0.95
    assert result["note"].startswith("best of 4: trial ")
    log = capsys.readouterr().out
    assert all(f"| trial {number} (accuracy " in log for number in (1, 2, 3, 4))
    trained = asking.train(tuned=result["arguments"])
    assert trained["metrics"]["accuracy"] == pytest.approx(best)


def test_tune_asks_for_what_the_spec_says(chain: Any) -> None:
    asking = chain.with_params(tune=True, spot=True, tier="TWO_WORKERS", accuracy=0.1)
    with run_context(asking.context) as context:
        asking.tuner().start(context)
    (job,) = searches(chain)
    assert job.labels["perennial_task"] == "tune"
    assert [(metric.metric_id, metric.goal.name) for metric in job.study_spec.metrics] == [
        ("accuracy", "MAXIMIZE")
    ]
    assert (job.max_trial_count, job.parallel_trial_count) == (4, 2)
    spec = job.trial_job_spec
    assert spec.scheduling.strategy.name == "SPOT"
    assert len(spec.worker_pool_specs) == 2
    args = list(spec.worker_pool_specs[0].container_spec.args)
    output = spec.base_output_directory.output_uri_prefix
    assert f"/tune/{job.labels['perennial_inputs']}-" in output
    assert f"--job_dir={output}" in args
    # The service adds the arguments that it tries.
    assert not [text for text in args if text.startswith("--accuracy")]
    asking.tuner().cancel(context)


def test_tune_that_is_repeated_or_answered_to_nobody_makes_one_search(chain: Any) -> None:
    chain.proxy.lose_answer("/hyperparameterTuningJobs")
    asking = chain.with_params(tune=True)
    assert asking.tune() == asking.tune()
    assert search_states(chain) == ["JOB_STATE_SUCCEEDED"]


def test_tune_whose_trials_fail_says_why_and_searches_elsewhere_when_retried(chain: Any) -> None:
    broken = chain.with_params(tune=True, fail="out of memory")
    for _ in range(2):
        with pytest.raises(AirflowException, match=r"JOB_STATE_FAILED: (.|\n)*out of memory"):
            broken.tune()
    outputs = [job.trial_job_spec.base_output_directory.output_uri_prefix for job in searches(chain)]
    assert len(set(outputs)) == 2


def test_tune_that_is_killed_cancels_its_search(chain: Any, tmp_path: Path) -> None:
    operator = chain.tuner()
    killer = threading.Thread(
        target=lambda: (wait_for(lambda: search_states(chain) == ["JOB_STATE_RUNNING"]), operator.on_kill())
    )
    killer.start()
    with pytest.raises(AirflowException, match=r"JOB_STATE_CANCELLED|killed"):
        operator.execute(chain.with_params(tune=True, until=str(tmp_path / "never")).context)
    killer.join()
    assert search_states(chain) == ["JOB_STATE_CANCELLED"]
