"""Google's JobService client against the emulator; jobs run for real."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import uv
from google.api_core import exceptions
from google.auth.aio.credentials import StaticCredentials
from google.cloud import aiplatform_v1
from google.cloud.aiplatform_v1 import JobState
from google.rpc import code_pb2

LATER = "until-later"


def told(vertex: Any, job: Any, replica: str = "workerpool0-0") -> dict[str, str]:
    """Environment of the little trainer."""
    return json.loads(next(line for line in vertex.log_lines(job, replica) if line.startswith("{")))


def test_job_that_ends_well_passes_through_its_states(vertex: Any, tmp_path: Path) -> None:
    go_on = tmp_path / LATER
    job = vertex.create_job("--until", str(go_on))
    assert job.state == JobState.JOB_STATE_PENDING
    running = vertex.wait_for_job(job.name, vertex.is_running)
    assert not running.end_time
    go_on.touch()
    ended = vertex.wait_for_job(job.name)
    assert ended.state == JobState.JOB_STATE_SUCCEEDED
    assert ended.create_time <= ended.start_time <= ended.end_time
    assert not ended.error.code


def test_job_is_told_where_to_write_and_writes_there(vertex: Any) -> None:
    output = f"gs://vertex-contract/{vertex.project}/run"
    job = vertex.run_job(spec={"base_output_directory": {"output_uri_prefix": output}})
    environment = told(vertex, job)
    assert environment["AIP_MODEL_DIR"] == f"{output}/model/"
    assert environment["AIP_CHECKPOINT_DIR"] == f"{output}/checkpoints/"
    assert environment["AIP_TENSORBOARD_LOG_DIR"] == f"{output}/logs/"
    assert environment["CLOUD_ML_JOB_ID"] == job.name.rpartition("/")[2]
    assert environment["CLOUD_ML_PROJECT_ID"] == vertex.project
    assert environment["COLOUR"] == "blue"
    assert "TF_CONFIG" not in environment
    assert vertex.file(f"{output}/model/weights").read_text() == "trained"


def test_job_that_fails_names_the_replica_its_status_and_its_last_lines(vertex: Any) -> None:
    job = vertex.run_job("--exit-code", "3")
    assert job.state == JobState.JOB_STATE_FAILED
    assert job.error.code == code_pb2.INVALID_ARGUMENT
    assert "workerpool0-0 exited with a non-zero status of 3" in job.error.message
    assert job.error.message.endswith("done")


def test_job_of_an_unmapped_image_fails_and_says_so(vertex: Any) -> None:
    job = vertex.run_job(pools=[vertex.container_pool(image="nobodys")])
    assert job.state == JobState.JOB_STATE_FAILED
    assert "nobodys:0.1 can't be run here" in job.error.message
    assert "No container engine answered (--engine none)" in job.error.message
    assert "--image NAME=MODULE" in job.error.message
    assert "python_package_spec" in job.error.message


def test_log_of_a_job_begins_with_the_module_that_stands_for_its_image(vertex: Any) -> None:
    job = vertex.run_job()
    first = vertex.log_lines(job)[0]
    assert first.startswith("The module little_trainer runs in place of the image us-docker.pkg.dev/")


def test_job_that_is_cancelled_ends_as_cancelled(vertex: Any) -> None:
    job = vertex.create_job("--seconds", "60")
    vertex.wait_for_job(job.name, vertex.is_running)
    vertex.jobs.cancel_custom_job(name=job.name)
    assert vertex.wait_for_job(job.name).state == JobState.JOB_STATE_CANCELLED


def test_cancel_of_a_job_that_is_over_changes_nothing(vertex: Any) -> None:
    job = vertex.run_job()
    vertex.jobs.cancel_custom_job(name=job.name)
    assert vertex.jobs.get_custom_job(name=job.name).state == JobState.JOB_STATE_SUCCEEDED


def test_job_that_runs_longer_than_its_timeout_fails(vertex: Any) -> None:
    job = vertex.run_job("--seconds", "60", spec={"scheduling": {"timeout": "0.5s"}})
    assert job.state == JobState.JOB_STATE_FAILED
    assert job.error.code == code_pb2.DEADLINE_EXCEEDED


def test_job_of_several_replicas_tells_each_its_place(vertex: Any) -> None:
    job = vertex.run_job(pools=[vertex.container_pool(), vertex.container_pool(replicas=2)])
    assert job.state == JobState.JOB_STATE_SUCCEEDED
    configs = [
        json.loads(told(vertex, job, replica)["TF_CONFIG"])
        for replica in ("workerpool0-0", "workerpool1-0", "workerpool1-1")
    ]
    assert [config["task"] for config in configs] == [
        {"type": "chief", "index": 0}, {"type": "worker", "index": 0}, {"type": "worker", "index": 1},
    ]  # fmt: skip
    cluster = configs[0]["cluster"]
    assert all(config["cluster"] == cluster for config in configs)
    assert len({*cluster["chief"], *cluster["worker"]}) == 3
    spec = json.loads(told(vertex, job, "workerpool1-1")["CLUSTER_SPEC"])
    assert spec["task"] == {"type": "workerpool1", "index": 1}
    assert spec["cluster"] == {"workerpool0": cluster["chief"], "workerpool1": cluster["worker"]}


def test_job_with_a_failing_replica_fails_and_ends_the_others(vertex: Any) -> None:
    pools = [vertex.container_pool("--seconds", "60"), vertex.container_pool("--exit-code", "1")]
    job = vertex.run_job(pools=pools)
    assert job.state == JobState.JOB_STATE_FAILED
    assert "workerpool1-0" in job.error.message
    from emulator.processes import Process

    directory = vertex.emulator.root / "jobs" / job.name.rpartition("/")[2]
    assert not Process(directory / "workerpool0-0").running()


def test_job_of_a_python_package_installs_and_runs_it(vertex: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    module = source / "src" / "little_package"
    module.mkdir(parents=True)
    (module / "__init__.py").touch()
    (module / "task.py").write_text("import sys\nprint('packaged', *sys.argv[1:])\n")
    (source / "pyproject.toml").write_text(
        '[project]\nname = "little-package"\nversion = "1.0"\n'
        '[build-system]\nrequires = ["uv_build"]\nbuild-backend = "uv_build"\n'
    )
    subprocess.run([uv.find_uv_bin(), "build", "-q", "--wheel", str(source), "-o", str(tmp_path)], check=True)
    uri = f"gs://vertex-contract/{vertex.project}/little_package-1.0-py3-none-any.whl"
    vertex.file(uri).parent.mkdir(parents=True, exist_ok=True)
    vertex.file(uri).write_bytes((tmp_path / "little_package-1.0-py3-none-any.whl").read_bytes())
    package = {
        "executor_image_uri": "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-21:latest",
        "package_uris": [uri],
        "python_module": "little_package.task",
        "args": ["--epochs", "2"],
    }
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"}, "replica_count": 1, "python_package_spec": package,
    }  # fmt: skip
    job = vertex.run_job(pools=[pool])
    assert job.state == JobState.JOB_STATE_SUCCEEDED, job.error
    assert vertex.log_lines(job) == ["packaged --epochs 2"]


def test_job_of_a_missing_package_fails_and_names_it(vertex: Any) -> None:
    package = {
        "executor_image_uri": "x",
        "package_uris": ["gs://bucket/gone-1.tar.gz"],
        "python_module": "gone",
    }
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "python_package_spec": package,
    }
    job = vertex.run_job(pools=[pool])
    assert job.state == JobState.JOB_STATE_FAILED
    assert "gone-1.tar.gz" in job.error.message


@pytest.mark.parametrize("uri", ["/some/folder", "gs://../x", "gs://bucket/../x", "gs:///some/folder"])
def test_create_with_a_uri_that_leaves_the_buckets_names_the_field(vertex: Any, uri: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="output_uri_prefix"):
        vertex.create_job(spec={"base_output_directory": {"output_uri_prefix": uri}})
    package = {"executor_image_uri": "x", "package_uris": [uri], "python_module": "m"}
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "python_package_spec": package,
    }
    with pytest.raises(exceptions.BadRequest, match="package_uris"):
        vertex.create_job(pools=[pool])


def test_job_that_is_preempted_fails_as_unavailable(vertex: Any) -> None:
    job = vertex.create_job("--seconds", "60")
    vertex.wait_for_job(job.name, vertex.is_running)
    vertex.emulator.set_fault(target="preemption")
    ended = vertex.wait_for_job(job.name)
    assert ended.state == JobState.JOB_STATE_FAILED
    assert ended.error.code == code_pb2.UNAVAILABLE
    assert "preempted" in ended.error.message


def test_job_that_starts_slowly_stays_pending(vertex: Any) -> None:
    vertex.emulator.set_fault(target="slow_start", delay_seconds=60)
    job = vertex.create_job()
    vertex.jobs.cancel_custom_job(name=job.name)
    ended = vertex.wait_for_job(job.name)
    assert ended.state == JobState.JOB_STATE_CANCELLED
    assert not ended.start_time


def test_list_finds_jobs_by_label_name_and_state(vertex: Any) -> None:
    done = vertex.run_job(labels={"perennial_run": "a-1"}, display_name="first")
    other = vertex.run_job("--exit-code", "1", labels={"perennial_run": "a-2"}, display_name="second")

    def found(text: str) -> list[str]:
        request = {"parent": vertex.parent, "filter": text}
        return [job.name for job in vertex.jobs.list_custom_jobs(request=request)]

    assert found("") == [other.name, done.name]
    assert found('labels.perennial_run="a-1"') == [done.name]
    assert found('labels.perennial_run="a-1" AND state="JOB_STATE_FAILED"') == []
    assert found('display_name="second"') == [other.name]
    assert found('state="JOB_STATE_FAILED" OR state="JOB_STATE_CANCELLED"') == [other.name]
    assert found("labels.perennial_run:*") == [other.name, done.name]
    assert found('NOT display_name="second"') == [done.name]


def test_list_comes_in_pages(vertex: Any) -> None:
    names = {vertex.run_job().name for _ in range(3)}
    pages = list(vertex.jobs.list_custom_jobs(request={"parent": vertex.parent, "page_size": 2}).pages)
    assert [len(page.custom_jobs) for page in pages] == [2, 1]
    assert {job.name for page in pages for job in page.custom_jobs} == names


def test_list_of_another_project_is_empty(vertex: Any) -> None:
    vertex.run_job()
    assert not list(vertex.jobs.list_custom_jobs(parent="projects/another/locations/us-central1"))


def test_delete_removes_a_job_that_is_over(vertex: Any) -> None:
    job = vertex.run_job()
    vertex.jobs.delete_custom_job(name=job.name).result(timeout=30)
    with pytest.raises(exceptions.NotFound, match="does not exist"):
        vertex.jobs.get_custom_job(name=job.name)


def test_delete_of_a_running_job_is_refused(vertex: Any) -> None:
    job = vertex.create_job("--seconds", "60")
    with pytest.raises(exceptions.BadRequest, match="cancel it"):
        vertex.jobs.delete_custom_job(name=job.name)
    vertex.jobs.cancel_custom_job(name=job.name)


@pytest.mark.parametrize(
    ("job", "field"),
    [
        ({"job_spec": {}}, "display_name"),
        ({"display_name": "a"}, "worker_pool_specs"),
        ({"display_name": "a", "job_spec": {"worker_pool_specs": [{"replica_count": 2}]}}, "replica_count"),
        ({"display_name": "a", "job_spec": {"worker_pool_specs": [{"replica_count": 1}]}}, "machine_type"),
        ({"display_name": "a", "labels": {"Run": "1"}}, "labels"),
    ],
)
def test_create_of_an_incomplete_job_names_the_field(vertex: Any, job: Any, field: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=field):
        vertex.jobs.create_custom_job(parent=vertex.parent, custom_job=job)


def test_get_of_an_unknown_job_is_not_found(vertex: Any) -> None:
    with pytest.raises(exceptions.NotFound, match="customJobs/1 does not exist"):
        vertex.jobs.get_custom_job(name=f"{vertex.parent}/customJobs/1")


def test_method_that_is_not_emulated_says_its_name(vertex: Any) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match="ListNasJobs"):
        vertex.jobs.list_nas_jobs(parent=vertex.parent)


def test_polling_goes_through_a_fault(vertex: Any) -> None:
    job = vertex.run_job()
    vertex.emulator.set_fault(api_method="aiplatform.JobService.GetCustomJob", http_status=503, count=1)
    with pytest.raises(exceptions.ServiceUnavailable):
        vertex.jobs.get_custom_job(name=job.name, retry=None)
    assert vertex.jobs.get_custom_job(name=job.name, retry=None).name == job.name


def test_asynchronous_client_runs_a_job(vertex: Any) -> None:
    async def run() -> Any:
        client = aiplatform_v1.JobServiceAsyncClient(
            transport="rest_asyncio",
            credentials=StaticCredentials(token=vertex.emulator.token()),
            client_options={"api_endpoint": f"http://127.0.0.1:{vertex.emulator.port}"},
        )
        spec = {"worker_pool_specs": [vertex.container_pool()]}
        job = await client.create_custom_job(
            parent=vertex.parent, custom_job={"display_name": "async", "job_spec": spec}
        )
        while job.state not in (JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED):
            await asyncio.sleep(0.05)
            job = await client.get_custom_job(name=job.name)
        await client.transport.close()
        return job

    assert asyncio.run(run()).state == JobState.JOB_STATE_SUCCEEDED
