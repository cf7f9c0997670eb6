"""Training images without a module, in a program that stands for Docker: a real engine is seldom there."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from google.cloud.aiplatform_v1 import JobState


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], list[list[str]]]]:
    """Requests that the engine got; while it lasts the engine is first on PATH."""
    folder = tmp_path_factory.mktemp("engine")
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent}/little_engine.py "$@"\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        patch.setenv("LITTLE_ENGINE_FOLDER", str(folder))
        yield lambda: [json.loads(line) for line in (folder / "calls").read_text().splitlines()]


@pytest.fixture(scope="module")
def engine(calls: Any, emulator_factory: Callable[..., Any], vertex_of: Callable[..., Any]) -> Iterator[Any]:
    """The clients of an emulator that finds the engine."""
    emulator = emulator_factory("--engine", "auto")
    yield vertex_of(emulator, "project-engine")
    emulator.stop()


def pool(vertex: Any, *args: str, image: str = "perennial-fake/little_trainer:0.1", **spec: Any) -> Any:
    pool = vertex.container_pool(*args)
    pool["container_spec"].update(image_uri=f"us-docker.pkg.dev/{vertex.project}/{image}", **spec)
    return pool


def containers(vertex: Any, job: Any) -> list[psutil.Process]:
    """The processes in the job's containers."""
    record = json.loads((directory(vertex, job) / "process.json").read_text())
    return psutil.Process(int(record["command"]["pid"])).children(recursive=True)


def directory(vertex: Any, job: Any) -> Path:
    return Path(vertex.emulator.root, "jobs", job.name.rpartition("/")[2], "workerpool0-0")


def run_call(calls: Any, job: Any) -> list[str]:
    name = f"perennial-{job.name.rpartition('/')[2]}-workerpool0-0"
    return next(call for call in calls() if call[0] == "run" and name in call)


def started(vertex: Any, job: Any) -> list[psutil.Process]:
    """Wait until the container runs."""
    vertex.wait_for_job(job.name, lambda _job: any("CLOUD_ML" in line for line in vertex.log_lines(job)))
    return containers(vertex, job)


def test_image_without_a_module_runs_in_the_engine(engine: Any, calls: Any) -> None:
    output = f"gs://vertex-contract/{engine.project}/run"
    job = engine.run_job(
        pools=[pool(engine, "--seconds", "0.1")],
        spec={"base_output_directory": {"output_uri_prefix": output}},
    )
    assert job.state == JobState.JOB_STATE_SUCCEEDED, job.error
    assert engine.log_lines(job)[0].endswith(f"is run by docker, as the container {run_call(calls, job)[3]}.")
    assert engine.file(f"{output}/model/weights").read_text() == "trained"
    call = run_call(calls, job)
    assert f"type=bind,source={engine.emulator.root}/buckets,target=/gcs" in call
    assert f"STORAGE_EMULATOR_HOST={engine.emulator.url}" in call
    assert {"GCS_MOUNT=/gcs", "COLOUR=blue", f"AIP_MODEL_DIR={output}/model/"} <= set(call)
    assert not any(argument.startswith("PATH=") for argument in call), "nothing of this machine's environment"
    assert call[call.index("--network") + 1] == "host"
    assert call[call.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert call[-3:] == [job.job_spec.worker_pool_specs[0].container_spec.image_uri, "--seconds", "0.1"]


def test_command_of_a_container_replaces_its_entry_point(engine: Any, calls: Any) -> None:
    job = engine.run_job(pools=[pool(engine, "0.1", command=["python", "--seconds"])])
    call = run_call(calls, job)
    assert call[call.index("--entrypoint") + 1] == "python"
    assert call[-2:] == ["--seconds", "0.1"]


def test_image_that_can_not_be_pulled_fails_with_the_engine_s_words(engine: Any) -> None:
    job = engine.run_job(pools=[pool(engine, image="nobodys/image:1")])
    assert job.state == JobState.JOB_STATE_FAILED
    assert "status of 125" in job.error.message
    assert "nobodys/image:1 is run by docker" in job.error.message
    assert "pull access denied" in job.error.message


def test_cancel_ends_the_container(engine: Any) -> None:
    job = engine.create_job(pools=[pool(engine, "--seconds", "60")])
    inside = started(engine, job)
    assert inside
    engine.jobs.cancel_custom_job(name=job.name)
    assert engine.wait_for_job(job.name).state == JobState.JOB_STATE_CANCELLED
    assert not any(process.is_running() for process in inside)


def test_container_goes_on_when_the_emulator_is_killed(engine: Any, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    job = engine.create_job(pools=[pool(engine, "--until", str(go_on))])
    started(engine, job)
    engine.emulator.restart()
    assert engine.jobs.get_custom_job(name=job.name).state == JobState.JOB_STATE_RUNNING
    go_on.touch()
    assert engine.wait_for_job(job.name).state == JobState.JOB_STATE_SUCCEEDED
    assert engine.log_lines(job)[-1] == "done"


def test_container_whose_client_is_killed_is_removed(engine: Any) -> None:
    job = engine.create_job(pools=[pool(engine, "--seconds", "60")])
    inside = started(engine, job)
    record = json.loads((directory(engine, job) / "process.json").read_text())
    for role in ("shim", "command"):
        psutil.Process(int(record[role]["pid"])).kill()
    over = engine.wait_for_job(job.name)
    assert "lost" in over.error.message
    for process in inside:
        process.wait(10)


def test_trial_in_a_container_reports_its_metric(engine: Any) -> None:
    image = pool(engine, image="perennial-fake/little_tuned:0.1")
    rate = {"min_value": 1e-4, "max_value": 1.0}
    job = engine.jobs.create_hyperparameter_tuning_job(
        parent=engine.parent,
        hyperparameter_tuning_job={
            "display_name": "contained",
            "max_trial_count": 2,
            "parallel_trial_count": 2,
            "study_spec": {
                "metrics": [{"metric_id": "accuracy", "goal": "MAXIMIZE"}],
                "parameters": [{"parameter_id": "learning_rate", "double_value_spec": rate}],
            },
            "trial_job_spec": {"worker_pool_specs": [image]},
        },
    )

    deadline = time.monotonic() + 60
    while not (over := engine.jobs.get_hyperparameter_tuning_job(name=job.name)).end_time:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert over.state == JobState.JOB_STATE_SUCCEEDED, over.error
    assert all(trial.final_measurement.metrics for trial in over.trials)
