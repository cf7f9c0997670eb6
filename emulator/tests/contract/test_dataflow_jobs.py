"""Beam's own DataflowRunner, the Dataflow clients and gcloud against the emulator; pipelines run for real."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uv
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import BadRequest, Conflict
from google.cloud import dataflow_v1beta3 as dataflow
from google.cloud import logging

PROJECT, REGION, BUCKET = "perennial-local", "us-central1", "dataflow-contract"
PLACE = {"project_id": PROJECT, "location": REGION}
WAIT_SECONDS = 120

PACKAGES = Path(__file__).parent / "dataflow_packages"


@dataclass(frozen=True)
class Submitted:
    """Job of the client, as it knows it after the submission."""

    job_id: str
    name: str
    result: Any


def build_sdist(name: str, folder: Path) -> str:
    command = [
        uv.find_uv_bin(),
        "build",
        "--sdist",
        "--quiet",
        "--out-dir",
        str(folder),
        str(PACKAGES / name),
    ]
    subprocess.run(command, check=True)
    return str(folder / f"{name}-99.0.0.tar.gz")


class Client:
    """A user's program: submits pipelines to the emulator and asks about their jobs."""

    def __init__(self, emulator: Any, packages: list[str]) -> None:
        self._emulator = emulator
        self._packages = packages
        clients = {
            "transport": "rest",
            "credentials": emulator.credentials,
            "client_options": ClientOptions(api_endpoint=emulator.url),
        }
        self.jobs = dataflow.JobsV1Beta3Client(**clients)
        self.messages = dataflow.MessagesV1Beta3Client(**clients)
        self.metrics = dataflow.MetricsV1Beta3Client(**clients)

    def submit(self, name: str, function: Any = None, **transforms: Any) -> Submitted:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions

        flags = [
            "--runner=DataflowRunner",
            f"--dataflow_endpoint={self._emulator.url}",
            f"--project={PROJECT}",
            f"--region={REGION}",
            f"--temp_location=gs://{BUCKET}/temp",
            f"--staging_location=gs://{BUCKET}/staging",
            f"--job_name={name}",
            "--labels=kind=contract",
            *(f"--extra_package={package}" for package in self._packages),
        ]
        pipeline = beam.Pipeline(options=PipelineOptions(flags))
        lines = pipeline | "Read" >> beam.io.ReadFromText(f"gs://{BUCKET}/input/*.txt")
        if function is not None:
            lines | "Apply" >> beam.Map(function)
        else:
            import words

            (
                lines
                | "Split" >> beam.FlatMap(words.split)
                | "Group" >> beam.GroupByKey()
                | "Add up" >> beam.Map(words.add_up)
                | "Origin" >> beam.Map(words.origin)
                | "Write" >> beam.io.WriteToText(f"gs://{BUCKET}/output/{name}")
            )
        result = pipeline.run()
        return Submitted(job_id=result.job_id(), name=name, result=result)

    def get(self, job_id: str, view: Any = None) -> Any:
        return self.jobs.get_job(dataflow.GetJobRequest(job_id=job_id, view=view, **PLACE))

    def wait(self, job_id: str, *states: str) -> Any:
        deadline = time.monotonic() + WAIT_SECONDS
        while (job := self.get(job_id)).current_state.name not in states:
            assert time.monotonic() < deadline, self.texts(job_id)
            time.sleep(0.1)
        return job

    def texts(self, job_id: str, **query: Any) -> list[str]:
        request = dataflow.ListJobMessagesRequest(job_id=job_id, **PLACE, **query)
        return [message.message_text for message in self.messages.list_job_messages(request)]

    def cancel(self, job_id: str, state: str = "JOB_STATE_CANCELLED") -> Any:
        job = dataflow.Job(requested_state=dataflow.JobState[state])
        return self.jobs.update_job(dataflow.UpdateJobRequest(job_id=job_id, job=job, **PLACE))


@pytest.fixture(scope="module")
def client(emulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("packages")
    packages = [build_sdist(name, folder) for name in ("words", "samples")]
    source = emulator.root / "buckets" / BUCKET / "input"
    source.mkdir(parents=True)
    (source / "a.txt").write_text("to be or not to be\n")
    (source / "b.txt").write_text("to do\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(PACKAGES / "words" / "src"))
        yield Client(emulator, packages)


@pytest.fixture(scope="module")
def counted(client: Client) -> Submitted:
    return client.submit("count-words")


@pytest.fixture(scope="module")
def crashed(client: Client, counted: Submitted) -> Submitted:
    import words

    return client.submit("crash", words.crash)


@pytest.fixture(scope="module")
def waiting(client: Client, crashed: Submitted) -> Submitted:
    import words

    # All three run at the same time.
    return client.submit("wait", words.wait)


def gcloud(emulator: Any, *arguments: str) -> Any:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed")
    environment = {
        **emulator.gcloud_environment,
        "CLOUDSDK_CONFIG": str(emulator.root / "gcloud"),
        "CLOUDSDK_CORE_PROJECT": PROJECT,
    }
    command = ["gcloud", "beta", "dataflow", *arguments, "--format=json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_runner_pipeline_with_packages_writes_its_output(
    client: Client, counted: Submitted, waiting: Submitted, emulator: Any
) -> None:
    job = client.wait(counted.job_id, "JOB_STATE_DONE", "JOB_STATE_FAILED")

    assert job.current_state == dataflow.JobState.JOB_STATE_DONE, client.texts(counted.job_id)
    shards = (emulator.root / "buckets" / BUCKET / "output").glob("count-words*")
    lines = sorted(line for shard in shards for line in shard.read_text().splitlines())
    assert lines == [f"{word} (staged)" for word in ("be: 2", "do: 1", "not: 1", "or: 1", "to: 3")]


def test_runner_metrics_are_committed_counters_and_distributions(client: Client, counted: Submitted) -> None:
    client.wait(counted.job_id, "JOB_STATE_DONE")

    found = counted.result.metrics().query()

    counters = {metric.key.metric.name: metric for metric in found["counters"]}
    assert counters["lines"].committed == counters["lines"].attempted == 2
    assert counters["lines"].key.step == "Split"
    letters = next(
        metric.committed for metric in found["distributions"] if metric.key.metric.name == "letters"
    )
    assert (letters.count, letters.min, letters.max) == (8, 2, 3)


def test_runner_failing_pipeline_raises_with_the_users_traceback(client: Client, crashed: Submitted) -> None:
    from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException

    client.wait(crashed.job_id, "JOB_STATE_FAILED")

    with pytest.raises(DataflowRuntimeException, match="can't be read") as raised:
        crashed.result.wait_until_finish()
    assert "words/__init__.py" in str(raised.value)
    importance = dataflow.JobMessageImportance.JOB_MESSAGE_ERROR
    (error,) = client.texts(crashed.job_id, minimum_importance=importance)
    assert (
        "ValueError: to be or not to be can't be read" in error or "ValueError: to do can't be read" in error
    )


def test_get_job_tells_times_labels_and_version(client: Client, counted: Submitted) -> None:
    client.wait(counted.job_id, "JOB_STATE_DONE")

    summary = client.get(counted.job_id)
    everything = client.get(counted.job_id, dataflow.JobView.JOB_VIEW_ALL)

    assert summary.create_time == summary.start_time < summary.current_state_time
    assert dict(summary.labels) == {"kind": "contract"}
    assert summary.type_ == dataflow.JobType.JOB_TYPE_BATCH
    assert summary.job_metadata.sdk_version.version_display_name == (
        f"Apache Beam Python {sys.version_info[0]}.{sys.version_info[1]} SDK"
    )
    assert not summary.environment.worker_pools
    assert everything.environment.worker_pools[0].packages


def test_list_jobs_filters_by_state_and_name_and_pages(
    client: Client, counted: Submitted, crashed: Submitted, waiting: Submitted
) -> None:
    client.wait(counted.job_id, "JOB_STATE_DONE")
    client.wait(crashed.job_id, "JOB_STATE_FAILED")
    terminated = dataflow.ListJobsRequest.Filter.TERMINATED

    def ids(**query: Any) -> list[str]:
        # Other tests' jobs are in the same project.
        own = {counted.job_id, crashed.job_id, waiting.job_id}
        listed = client.jobs.list_jobs(dataflow.ListJobsRequest(**PLACE, **query))
        return [job.id for job in listed if job.id in own]

    assert ids(filter=terminated, page_size=1) == [crashed.job_id, counted.job_id]
    assert ids(name=counted.name) == [counted.job_id]
    assert ids(filter=dataflow.ListJobsRequest.Filter.ACTIVE) == [waiting.job_id]
    everywhere = client.jobs.aggregated_list_jobs(dataflow.ListJobsRequest(project_id=PROJECT))
    assert counted.job_id in [job.id for job in everywhere]
    elsewhere = dataflow.ListJobsRequest(project_id=PROJECT, location="europe-west4")
    assert list(client.jobs.list_jobs(elsewhere)) == []


def test_list_messages_pages_and_starts_at_a_time(client: Client, counted: Submitted) -> None:
    client.wait(counted.job_id, "JOB_STATE_DONE")
    request = dataflow.ListJobMessagesRequest(job_id=counted.job_id, **PLACE)
    messages = list(client.messages.list_job_messages(request))

    assert client.texts(counted.job_id, page_size=1) == [message.message_text for message in messages]
    last = client.texts(counted.job_id, start_time=messages[-1].time)
    assert last == [messages[-1].message_text]
    assert client.texts(counted.job_id, end_time=messages[0].time) == []


def test_worker_logs_are_entries_with_their_severity(
    emulator: Any, client: Client, counted: Submitted
) -> None:
    client.wait(counted.job_id, "JOB_STATE_DONE")
    logs = logging.Client(
        project=PROJECT,
        credentials=emulator.credentials,
        client_options={"api_endpoint": emulator.url},
        _use_grpc=False,
    )
    query = (
        f'resource.type="dataflow_step" resource.labels.job_id="{counted.job_id}" severity>=WARNING splitting'
    )

    entries = list(logs.list_entries(filter_=query))

    assert sorted(entry.payload["message"] for entry in entries) == [
        "splitting to be or not to be",
        "splitting to do",
    ]
    assert {entry.severity for entry in entries} == {"WARNING"}
    assert {entry.log_name for entry in entries} == {
        f"projects/{PROJECT}/logs/dataflow.googleapis.com%2Fworker"
    }


def test_gcloud_lists_describes_and_shows_metrics(emulator: Any, client: Client, counted: Submitted) -> None:
    client.wait(counted.job_id, "JOB_STATE_DONE")
    region = f"--region={REGION}"

    listed = gcloud(emulator, "jobs", "list", region, "--filter=name=count-words")
    described = gcloud(emulator, "jobs", "describe", counted.job_id, region, "--full")
    metrics = gcloud(emulator, "metrics", "list", counted.job_id, region, "--source=user")

    assert [(job["id"], job["state"]) for job in listed] == [(counted.job_id, "Done")]
    assert described["currentState"] == "JOB_STATE_DONE"
    assert "lines" in {metric["name"]["name"] for metric in metrics}


def test_runner_with_name_of_active_job_is_refused(client: Client, waiting: Submitted) -> None:
    import words

    with pytest.raises(Conflict, match="already an active job named wait"):
        client.submit("wait", words.wait)


def test_job_survives_kill_of_the_emulator_and_is_cancelled(
    emulator: Any, client: Client, waiting: Submitted
) -> None:
    assert client.wait(waiting.job_id, "JOB_STATE_RUNNING", "JOB_STATE_FAILED").name == "wait"

    emulator.restart()

    assert client.get(waiting.job_id).current_state == dataflow.JobState.JOB_STATE_RUNNING
    client.cancel(waiting.job_id)
    job = client.wait(waiting.job_id, "JOB_STATE_CANCELLED", "JOB_STATE_FAILED")
    assert job.current_state == dataflow.JobState.JOB_STATE_CANCELLED
    with pytest.raises(BadRequest, match="it is in JOB_STATE_CANCELLED"):
        client.cancel(waiting.job_id)
