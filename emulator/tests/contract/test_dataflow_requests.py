"""Dataflow's client against the emulator: what it refuses, and jobs that can't begin."""

from __future__ import annotations

import time
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import BadRequest, MethodNotImplemented, NotFound
from google.cloud import dataflow_v1beta3 as dataflow

PROJECT, REGION = "perennial-local", "us-central1"
PLACE = {"project_id": PROJECT, "location": REGION}
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def clients(emulator: Any) -> dict[str, Any]:
    return {
        "transport": "rest",
        "credentials": emulator.credentials,
        "client_options": ClientOptions(api_endpoint=emulator.url),
    }


@pytest.fixture(scope="module")
def jobs(clients: dict[str, Any]) -> dataflow.JobsV1Beta3Client:
    return dataflow.JobsV1Beta3Client(**clients)


def job_request(name: str, pipeline_url: str, **fields: Any) -> dataflow.CreateJobRequest:
    environment = {"sdk_pipeline_options": {"options": {"pipelineUrl": pipeline_url}}}
    return dataflow.CreateJobRequest(job=dataflow.Job(name=name, environment=environment, **fields), **PLACE)


def wait_for_end(jobs: dataflow.JobsV1Beta3Client, job_id: str) -> dataflow.Job:
    deadline = time.monotonic() + WAIT_SECONDS
    request = dataflow.GetJobRequest(job_id=job_id, **PLACE)
    while (job := jobs.get_job(request)).current_state.name in ("JOB_STATE_PENDING", "JOB_STATE_RUNNING"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job


@pytest.fixture(scope="module")
def failed(emulator: Any, jobs: dataflow.JobsV1Beta3Client) -> dataflow.Job:
    (emulator.root / "buckets" / "none").mkdir()
    created = jobs.create_job(job_request("missing", "gs://none/pipeline.pb", client_request_id="once"))
    assert created.current_state == dataflow.JobState.JOB_STATE_PENDING
    return wait_for_end(jobs, created.id)


def test_create_job_of_missing_pipeline_fails_the_job(clients: dict[str, Any], failed: dataflow.Job) -> None:
    messages = dataflow.MessagesV1Beta3Client(**clients).list_job_messages(
        dataflow.ListJobMessagesRequest(job_id=failed.id, **PLACE)
    )

    assert failed.current_state == dataflow.JobState.JOB_STATE_FAILED
    last = list(messages)[-1]
    assert last.message_importance == dataflow.JobMessageImportance.JOB_MESSAGE_ERROR
    assert "gs://none/pipeline.pb: expected a staged file" in last.message_text


def test_create_job_with_repeated_request_id_answers_the_first_job(
    jobs: dataflow.JobsV1Beta3Client, failed: dataflow.Job
) -> None:
    again = jobs.create_job(job_request("missing", "gs://none/pipeline.pb", client_request_id="once"))

    assert again.id == failed.id


def test_create_job_after_end_may_take_the_name_again(
    jobs: dataflow.JobsV1Beta3Client, failed: dataflow.Job
) -> None:
    again = jobs.create_job(job_request("missing", "gs://none/pipeline.pb"))

    assert again.id != failed.id
    assert wait_for_end(jobs, again.id).current_state == dataflow.JobState.JOB_STATE_FAILED


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"name": "Upper"}, BadRequest, "name: expected a match"),
        ({"name": "no-pipeline"}, BadRequest, "pipelineUrl: expected gs://BUCKET/OBJECT"),
        ({"name": "stream", "type_": 2}, MethodNotImplemented, "streaming jobs are not emulated"),
        ({"name": "new", "replace_job_id": "old"}, MethodNotImplemented, "replaceJobId: only streaming jobs"),
    ],
)
def test_create_job_with_what_cannot_run_is_refused(
    jobs: dataflow.JobsV1Beta3Client, fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        jobs.create_job(dataflow.CreateJobRequest(job=dataflow.Job(**fields), **PLACE))


@pytest.mark.parametrize(
    "uri",
    ["", "/etc/passwd", "gs://none/../../state.sqlite", "gs://../state.sqlite", "gs:///etc/passwd", "gs://none/a\0b",
     "gs://no-such-bucket/pipeline.pb"],
)  # fmt: skip
def test_create_job_of_a_pipeline_in_no_bucket_is_refused(
    jobs: dataflow.JobsV1Beta3Client, failed: dataflow.Job, uri: str
) -> None:
    before = len(list(jobs.list_jobs(dataflow.ListJobsRequest(**PLACE))))

    with pytest.raises(BadRequest, match="pipelineUrl: expected") as raised:
        jobs.create_job(job_request("outside", uri))

    assert raised.value.response.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert len(list(jobs.list_jobs(dataflow.ListJobsRequest(**PLACE)))) == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("projects/p%00/locations/us-central1/jobs", 400),
        ("projects/p/locations/..%2Fx/jobs", 400),
        ("projects/p/locations/us-central1/jobs/..%2F..%2Fstate.sqlite", 404),
        ("projects/p/locations/us-central1/jobs/%00/messages", 404),
        ("projects/p/locations/us-central1/jobs/%2Fetc/metrics", 404),
    ],
)
def test_request_with_a_path_for_an_id_finds_nothing(emulator: Any, path: str, status: int) -> None:
    assert emulator.http.get(f"/v1b3/{path}").status_code == status


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("JOB_STATE_DRAINED", "only a streaming job can be drained"),
        ("JOB_STATE_RUNNING", "requestedState: expected JOB_STATE_CANCELLED, received 'JOB_STATE_RUNNING'"),
        ("JOB_STATE_CANCELLED", "it is in JOB_STATE_FAILED"),
    ],
)
def test_update_job_of_ended_job_is_refused(
    jobs: dataflow.JobsV1Beta3Client, failed: dataflow.Job, state: str, message: str
) -> None:
    job = dataflow.Job(requested_state=dataflow.JobState[state])

    with pytest.raises(BadRequest, match=message):
        jobs.update_job(dataflow.UpdateJobRequest(job_id=failed.id, job=job, **PLACE))


def test_get_job_of_unknown_id_is_not_found(jobs: dataflow.JobsV1Beta3Client) -> None:
    with pytest.raises(NotFound, match="could not be found"):
        jobs.get_job(dataflow.GetJobRequest(job_id="2026-01-31_00_00_00-1", **PLACE))


def test_get_job_without_location_finds_it_in_the_default_one(
    jobs: dataflow.JobsV1Beta3Client, failed: dataflow.Job
) -> None:
    found = jobs.get_job(dataflow.GetJobRequest(project_id=PROJECT, job_id=failed.id))

    assert found.location == REGION


def test_list_jobs_with_bad_page_token_is_refused(jobs: dataflow.JobsV1Beta3Client) -> None:
    with pytest.raises(BadRequest, match="pageToken: expected a number, received 'x'"):
        jobs.list_jobs(dataflow.ListJobsRequest(page_token="x", **PLACE))


def test_get_metrics_of_job_that_never_ran_is_empty(clients: dict[str, Any], failed: dataflow.Job) -> None:
    metrics = dataflow.MetricsV1Beta3Client(**clients).get_job_metrics(
        dataflow.GetJobMetricsRequest(job_id=failed.id, **PLACE)
    )

    assert list(metrics.metrics) == []


def test_snapshot_job_is_not_emulated(jobs: dataflow.JobsV1Beta3Client, failed: dataflow.Job) -> None:
    with pytest.raises(MethodNotImplemented, match=r"dataflow\.projects\.locations\.jobs\.snapshot"):
        jobs.snapshot_job(dataflow.SnapshotJobRequest(job_id=failed.id, **PLACE))
