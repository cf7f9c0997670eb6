"""Jobs, deployments and operations after the emulator was killed or stopped."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import JobState
from google.longrunning import operations_pb2
from google.rpc import code_pb2


def processes(vertex: Any, *parts: str) -> list[psutil.Process]:
    """The shim and the command of a process folder."""
    record = json.loads(Path(vertex.emulator.root, *parts, "process.json").read_text())
    return [psutil.Process(int(record[role]["pid"])) for role in ("shim", "command")]


def job_processes(vertex: Any, job: Any) -> list[psutil.Process]:
    return processes(vertex, "jobs", job.name.rpartition("/")[2], "workerpool0-0")


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_job_goes_on_when_the_emulator_is_killed(own_vertex: Any, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    job = own_vertex.create_job("--until", str(go_on), labels={"run": "a"})
    running = own_vertex.wait_for_job(job.name, own_vertex.is_running)
    own_vertex.emulator.restart()
    again = own_vertex.jobs.get_custom_job(name=job.name)
    assert again.state == JobState.JOB_STATE_RUNNING
    assert again.start_time == running.start_time
    go_on.touch()
    assert own_vertex.wait_for_job(job.name).state == JobState.JOB_STATE_SUCCEEDED
    assert own_vertex.log_lines(job)[-1] == "done"


def test_job_that_ends_while_the_emulator_is_away_is_told_truthfully(own_vertex: Any, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    job = own_vertex.create_job("--until", str(go_on), "--exit-code", "4")
    own_vertex.wait_for_job(job.name, own_vertex.is_running)
    shim, _ = job_processes(own_vertex, job)
    own_vertex.emulator.kill()
    go_on.touch()
    wait_for(lambda: ended(shim))
    own_vertex.emulator.start()
    over = own_vertex.wait_for_job(job.name)
    assert over.state == JobState.JOB_STATE_FAILED
    assert "status of 4" in over.error.message


def test_job_whose_process_is_killed_too_is_lost(own_vertex: Any) -> None:
    job = own_vertex.create_job("--seconds", "60")
    own_vertex.wait_for_job(job.name, own_vertex.is_running)
    family = job_processes(own_vertex, job)
    own_vertex.emulator.kill()
    for process in family:
        os.kill(process.pid, signal.SIGKILL)
    own_vertex.emulator.start()
    over = own_vertex.wait_for_job(job.name)
    assert over.state == JobState.JOB_STATE_FAILED
    assert "lost" in over.error.message


def test_batch_prediction_begins_anew_when_the_emulator_is_killed(own_vertex: Any) -> None:
    asked = own_vertex.batch_job(
        own_vertex.upload("slow").model, "1", "2", manual_batch_tuning_parameters={"batch_size": 1}
    )
    job = own_vertex.create_batch_job(asked)
    own_vertex.wait_for_batch_job(job.name, own_vertex.is_running)
    shim, _ = processes(own_vertex, "jobs", job.name.rpartition("/")[2], "server")
    own_vertex.emulator.restart()
    over = own_vertex.wait_for_batch_job(job.name)
    assert over.state == JobState.JOB_STATE_SUCCEEDED
    assert over.completion_stats.successful_count == 2
    assert ended(shim), "the server of the killed emulator is left"


def test_deployment_is_brought_back_and_an_interrupted_one_is_aborted(own_vertex: Any) -> None:
    endpoint = own_vertex.create_endpoint("flowers").name
    model = own_vertex.upload("red").model
    deployed = own_vertex.deploy(endpoint, model, {"0": 100})
    own_vertex.emulator.set_fault(target="slow_start", delay_seconds=60)
    operation = own_vertex.begin_deploy(endpoint, model).operation
    leftovers = processes(own_vertex, "servers", deployed.id)
    own_vertex.emulator.restart()

    assert all(ended(process) for process in leftovers)
    request = operations_pb2.GetOperationRequest(name=operation.name)
    again = own_vertex.endpoints.get_operation(request)
    assert again.done
    assert again.error.code == code_pb2.ABORTED
    assert [d.id for d in own_vertex.endpoints.get_endpoint(name=endpoint).deployed_models] == [deployed.id]

    def answers() -> bool:
        try:
            return bool(own_vertex.predict(endpoint, "a").deployed_model_id == deployed.id)
        except exceptions.ServiceUnavailable:
            return False

    wait_for(answers)


def test_stop_ends_jobs_and_servers_and_says_so(own_vertex: Any) -> None:
    endpoint = own_vertex.create_endpoint("stopped").name
    deployed = own_vertex.deploy(endpoint, own_vertex.upload().model, {"0": 100})
    job = own_vertex.create_job("--seconds", "60")
    own_vertex.wait_for_job(job.name, own_vertex.is_running)
    family = [*job_processes(own_vertex, job), *processes(own_vertex, "servers", deployed.id)]
    own_vertex.emulator.stop()
    assert all(ended(process) for process in family)
    own_vertex.emulator.start()
    over = own_vertex.jobs.get_custom_job(name=job.name)
    assert over.state == JobState.JOB_STATE_FAILED
    assert "emulator was stopped" in over.error.message
