"""Cloud Logging's client and gcloud read the logs of jobs that ran in the emulator."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from datetime import timedelta
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import BadRequest, MethodNotImplemented
from google.cloud import aiplatform_v1, logging

PROJECT, REGION = "perennial-local", "us-central1"
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def job_id(emulator: Any) -> str:
    """A custom job with two replicas that has ended."""
    client = aiplatform_v1.JobServiceClient(
        transport="rest",
        credentials=emulator.credentials,
        client_options=ClientOptions(api_endpoint=emulator.url),
    )
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "container_spec": {"image_uri": "us-docker.pkg.dev/p/r/perennial-tests/little_trainer:1"},
    }
    job = {"display_name": "logs", "job_spec": {"worker_pool_specs": [pool, pool]}}
    created = client.create_custom_job(parent=f"projects/{PROJECT}/locations/{REGION}", custom_job=job)
    deadline = time.monotonic() + WAIT_SECONDS
    while client.get_custom_job(name=created.name).state.name != "JOB_STATE_SUCCEEDED":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return str(created.name.rpartition("/")[2])


@pytest.fixture(scope="module")
def logs(emulator: Any) -> logging.Client:
    return logging.Client(
        project=PROJECT,
        credentials=emulator.credentials,
        client_options={"api_endpoint": emulator.url},
        _use_grpc=False,
    )


def job_filter(job_id: str, *conditions: str) -> str:
    return " AND ".join(['resource.type="ml_job"', f'resource.labels.job_id="{job_id}"', *conditions])


def gcloud(emulator: Any, *arguments: str) -> str:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed")
    environment = {
        **emulator.gcloud_environment,
        "CLOUDSDK_CONFIG": str(emulator.root / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": PROJECT,
    }
    done = subprocess.run(
        ["gcloud", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_list_entries_of_custom_job_returns_each_replicas_lines(logs: logging.Client, job_id: str) -> None:
    entries = list(logs.list_entries(filter_=job_filter(job_id)))

    assert {entry.resource.labels["task_name"] for entry in entries} == {"workerpool0-0", "workerpool1-0"}
    for entry in entries:
        task = entry.resource.labels["task_name"]
        assert entry.log_name == f"projects/{PROJECT}/logs/{task}"
        assert entry.resource.type == "ml_job"
        assert entry.resource.labels["job_id"] == job_id
        assert entry.labels["ml.googleapis.com/job_id"] == job_id
    # The container prints one JSON object to its standard output and one line of text to its standard error.
    said = [(entry.severity, entry.payload) for entry in entries]
    text = {"message": "done", "attrs": {"tag": "workerpool0-0"}}
    assert ("ERROR", text) in said
    assert {severity for severity, payload in said if "COLOUR" in payload} == {"INFO"}


def test_list_entries_pages_in_both_orders(logs: logging.Client, job_id: str) -> None:
    query = job_filter(job_id)
    rising = list(logs.list_entries(filter_=query, order_by=logging.ASCENDING, page_size=1))
    falling = list(logs.list_entries(filter_=query, order_by=logging.DESCENDING, page_size=2))

    ids = [(entry.timestamp, entry.insert_id) for entry in rising]
    assert len(ids) > 2
    assert ids == sorted(set(ids))
    assert [entry.insert_id for entry in falling] == [entry.insert_id for entry in rising[::-1]]
    limited = list(logs.list_entries(filter_=query, max_results=2))
    assert [entry.insert_id for entry in limited] == [entry.insert_id for entry in rising[:2]]


def test_list_entries_since_the_last_one_seen_returns_the_rest(logs: logging.Client, job_id: str) -> None:
    entries = list(logs.list_entries(filter_=job_filter(job_id)))
    middle = entries[1]

    rest = list(logs.list_entries(filter_=job_filter(job_id, f'timestamp>"{middle.timestamp.isoformat()}"')))
    none = entries[-1].timestamp + timedelta(microseconds=1)

    assert [entry.insert_id for entry in rest] == [
        entry.insert_id for entry in entries if entry.timestamp > middle.timestamp
    ]
    assert list(logs.list_entries(filter_=job_filter(job_id, f'timestamp>="{none.isoformat()}"'))) == []


def test_list_entries_of_one_task_and_log_agree(logs: logging.Client, job_id: str) -> None:
    by_task = job_filter(job_id, 'resource.labels.task_name="workerpool1-0"')
    by_log = job_filter(job_id, f'logName="projects/{PROJECT}/logs/workerpool1-0"')

    found = [entry.insert_id for entry in logs.list_entries(filter_=by_task)]

    assert found
    assert found == [entry.insert_id for entry in logs.list_entries(filter_=by_log)]


def test_list_entries_of_another_project_is_empty(logs: logging.Client, job_id: str) -> None:
    entries = logs.list_entries(filter_=job_filter(job_id), resource_names=["projects/another"])

    assert list(entries) == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"filter_": "severity>="}, "filter: expected a value, received 'AND' at 11"),
        ({"filter_": "sample(insertId, 0.1)"}, "the function sample is not emulated"),
        ({"order_by": "severity"}, "orderBy: expected timestamp asc or timestamp desc"),
        ({"resource_names": ["folders/1"]}, "resourceNames: expected projects/PROJECT"),
        ({"page_token": "x"}, "pageToken: expected one of an earlier answer"),
    ],
)
def test_list_entries_with_bad_request_is_refused(
    logs: logging.Client, query: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadRequest, match=message):
        list(logs.list_entries(**query))


@pytest.mark.parametrize(
    "query",
    [
        [],
        {},
        {"resourceNames": "projects/p"},
        {"resourceNames": [1]},
        {"resourceNames": ["projects/p"], "filter": 1},
        {"resourceNames": ["projects/p"], "pageToken": [1]},
    ],
)
def test_list_entries_with_a_value_of_the_wrong_type_is_refused(emulator: Any, query: Any) -> None:
    answer = emulator.http.post("/v2/entries:list", json=query)

    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_write_entries_is_not_emulated(logs: logging.Client) -> None:
    with pytest.raises(MethodNotImplemented, match=r"logging\.entries\.write"):
        logs.logger("mine").log_text("hello")


def test_gcloud_logging_read_prints_entries(emulator: Any, job_id: str) -> None:
    entries = json.loads(gcloud(emulator, "logging", "read", job_filter(job_id), "--format=json"))

    assert {entry["resource"]["labels"]["job_id"] for entry in entries} == {job_id}


@pytest.mark.slow
def test_gcloud_stream_logs_of_ended_job_prints_its_lines(emulator: Any, job_id: str) -> None:
    text = gcloud(
        emulator, "ai", "custom-jobs", "stream-logs", job_id, f"--region={REGION}", "--polling-interval=1"
    )

    assert "workerpool0-0" in text
    assert "workerpool1-0" in text
