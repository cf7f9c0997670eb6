"""A job's state is told truthfully, whatever happens to its process."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.config import Config
from emulator.dataflow.events import EventLog, JobState
from emulator.dataflow.jobs import KIND, Jobs
from emulator.errors import AlreadyExists, FailedPrecondition, NotFound
from emulator.faults import Faults
from emulator.processes import Process, start
from emulator.state import State

PROJECT, LOCATION = "project", "us-central1"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = Config(tmp_path, 1)
    config.buckets.mkdir()
    return config


@pytest.fixture
def state(config: Config) -> Iterator[State]:
    state = State(config.state)
    yield state
    state.close()


@pytest.fixture
def jobs(config: Config, state: State) -> Iterator[Jobs]:
    jobs = Jobs(config, state, Faults(state))
    yield jobs
    jobs.shut_down()


def submitted(name: str = "count", **fields: Any) -> dict[str, Any]:
    options = {"pipelineUrl": "gs://bucket/staging/pipeline.pb"}
    return {
        "projectId": PROJECT, "location": LOCATION, "name": name,
        "environment": {"sdkPipelineOptions": {"options": options}}, **fields,
    }  # fmt: skip


def running_job(config: Config, state: State, jobs: Jobs, *argv: str) -> str:
    """A job whose process is another command."""
    directory = jobs.directory("job-1")
    start(directory, argv, environment=os.environ, cwd=config.root)
    now = "2026-01-31T12:00:00.000000Z"
    times = {"createTime": now, "currentStateTime": now}
    job = {**submitted(), **times, "id": "job-1", "currentState": JobState.PENDING}
    state.put(KIND, "job-1", {"job": job, "started": True})
    EventLog(directory).change_state(JobState.RUNNING)
    return "job-1"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def state_of(jobs: Jobs, job_id: str) -> str:
    return str(jobs.get(PROJECT, LOCATION, job_id)["currentState"])


def test_create_without_staged_pipeline_fails_the_job_and_names_it(jobs: Jobs) -> None:
    job = jobs.create(submitted())

    assert job["currentState"] == JobState.PENDING
    wait_for(lambda: state_of(jobs, job["id"]) == JobState.FAILED)
    assert "gs://bucket/staging/pipeline.pb: expected a staged file" in jobs.messages(job["id"])[-1].text


def test_create_with_active_name_is_refused_elsewhere_not(jobs: Jobs) -> None:
    jobs.create(submitted())

    with pytest.raises(AlreadyExists, match="There is already an active job named count"):
        jobs.create(submitted())
    assert jobs.create(submitted(location="europe-west4"))["currentState"] == JobState.PENDING


def test_create_with_repeated_request_id_answers_the_first_job(jobs: Jobs) -> None:
    first = jobs.create(submitted(clientRequestId="once"))

    assert jobs.create(submitted(clientRequestId="once"))["id"] == first["id"]


def test_get_from_another_location_finds_nothing(jobs: Jobs) -> None:
    job = jobs.create(submitted())

    with pytest.raises(NotFound, match=f"Information about job {job['id']} could not be found"):
        jobs.get(PROJECT, "europe-west4", job["id"])


def test_get_of_ended_process_without_a_word_fails_with_its_output(
    config: Config, state: State, jobs: Jobs
) -> None:
    job_id = running_job(config, state, jobs, "sh", "-c", "echo last words >&2; exit 3")

    wait_for(lambda: state_of(jobs, job_id) == JobState.FAILED)
    text = jobs.messages(job_id)[-1].text
    assert "exited with status 3" in text
    assert "last words" in text


def test_get_of_lost_process_fails(config: Config, state: State, jobs: Jobs) -> None:
    job_id = running_job(config, state, jobs, "sleep", "60")
    assert state_of(jobs, job_id) == JobState.RUNNING
    identities = json.loads((jobs.directory(job_id) / "process.json").read_text())
    for role in ("shim", "command"):
        os.kill(identities[role]["pid"], signal.SIGKILL)

    wait_for(lambda: state_of(jobs, job_id) == JobState.FAILED)
    assert "left no exit status" in jobs.messages(job_id)[-1].text


def test_get_of_process_that_said_done_is_done(config: Config, state: State, jobs: Jobs) -> None:
    job_id = running_job(config, state, jobs, "true")
    EventLog(jobs.directory(job_id)).change_state(JobState.DONE)

    assert state_of(jobs, job_id) == JobState.DONE


def test_cancel_passes_through_cancelling(config: Config, state: State, jobs: Jobs) -> None:
    job_id = running_job(config, state, jobs, "sleep", "60")

    cancelling = jobs.cancel(PROJECT, LOCATION, job_id)
    EventLog(jobs.directory(job_id)).change_state(JobState.RUNNING)

    assert cancelling["requestedState"] == JobState.CANCELLED
    assert state_of(jobs, job_id) in (JobState.CANCELLING, JobState.CANCELLED)
    wait_for(lambda: state_of(jobs, job_id) == JobState.CANCELLED)
    assert not Process(jobs.directory(job_id)).running()


def test_cancel_of_ended_job_is_refused(config: Config, state: State, jobs: Jobs) -> None:
    job_id = running_job(config, state, jobs, "true")
    EventLog(jobs.directory(job_id)).change_state(JobState.DONE)

    with pytest.raises(FailedPrecondition, match="it is in JOB_STATE_DONE"):
        jobs.cancel(PROJECT, LOCATION, job_id)


def test_resume_ends_what_was_being_cancelled(config: Config, state: State, jobs: Jobs) -> None:
    job_id = running_job(config, state, jobs, "sleep", "60")
    EventLog(jobs.directory(job_id)).change_state(JobState.CANCELLING)

    Jobs(config, state, Faults(state)).resume()

    wait_for(lambda: state_of(jobs, job_id) == JobState.CANCELLED)


def test_resume_starts_what_was_not_started(config: Config, state: State, jobs: Jobs) -> None:
    job = jobs.create(submitted())
    directory = jobs.directory(job["id"])
    wait_for(lambda: not Process(directory).running())
    for name in ("events.jsonl", "process.json", "exit.json"):
        (directory / name).unlink()
    state.put(KIND, job["id"], {"job": job, "started": False})
    assert state_of(jobs, job["id"]) == JobState.PENDING

    Jobs(config, state, Faults(state)).resume()

    wait_for(lambda: state_of(jobs, job["id"]) == JobState.FAILED)


def test_shut_down_fails_active_jobs(config: Config, state: State, jobs: Jobs) -> None:
    job_id = running_job(config, state, jobs, "sleep", "60")

    jobs.shut_down()

    assert state_of(jobs, job_id) == JobState.FAILED
    assert any(message.text == "The emulator was stopped." for message in jobs.messages(job_id))
