"""`tune` against the emulator's Vertex AI: searches whose trials really run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from retraining.context import run_context


def searches(chain: Any) -> list[Any]:
    """The project's searches, oldest first."""
    with run_context(chain.context) as context:
        listed = list(context.clients.jobs.list_hyperparameter_tuning_jobs(parent=context.clients.parent))
    return sorted(listed, key=lambda job: job.create_time)


def states(chain: Any) -> list[str]:
    return [job.state.name for job in searches(chain)]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_tune_that_is_not_asked_for_does_nothing_and_says_so(chain: Any) -> None:
    assert chain.tune() == {
        "arguments": {},
        "job": None,
        "trials": [],
        "note": "not asked for: training uses the run's accuracy",
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
    assert output.endswith("/tuning/0/")
    assert f"--job_dir={output}" in args
    # The service adds the arguments that it tries.
    assert not [text for text in args if text.startswith("--accuracy")]
    asking.tuner().cancel(context)


def test_tune_that_is_repeated_or_answered_to_nobody_makes_one_search(chain: Any) -> None:
    chain.proxy.lose_answer("/hyperparameterTuningJobs")
    asking = chain.with_params(tune=True)
    assert asking.tune() == asking.tune()
    assert states(chain) == ["JOB_STATE_SUCCEEDED"]


def test_tune_whose_trials_fail_says_why_and_searches_elsewhere_when_retried(chain: Any) -> None:
    broken = chain.with_params(tune=True, fail="out of memory")
    for _ in range(2):
        with pytest.raises(AirflowException, match=r"JOB_STATE_FAILED: (.|\n)*out of memory"):
            broken.tune()
    outputs = [job.trial_job_spec.base_output_directory.output_uri_prefix for job in searches(chain)]
    assert [output.rpartition("/tuning/")[2] for output in outputs] == ["0/", "1/"]


def test_tune_that_is_killed_cancels_its_search(chain: Any, tmp_path: Path) -> None:
    operator = chain.tuner()
    killer = threading.Thread(
        target=lambda: (wait_for(lambda: states(chain) == ["JOB_STATE_RUNNING"]), operator.on_kill())
    )
    killer.start()
    with pytest.raises(AirflowException, match="JOB_STATE_CANCELLED"):
        operator.execute(chain.with_params(tune=True, until=str(tmp_path / "never")).context)
    killer.join()
    assert states(chain) == ["JOB_STATE_CANCELLED"]
