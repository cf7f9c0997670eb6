"""Quotas, sizes, machines and update masks that the services check; each fails as it does there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from google.api_core import exceptions

from vertex_client import Vertex

LOGS = {"resourceNames": ["projects/reader"], "filter": 'resource.type="ml_job"'}


@pytest.fixture(scope="module")
def strict(emulator_factory: Callable[..., Any]) -> Vertex:
    """An emulator with few log reads, and with a quota of T4s."""
    emulator = emulator_factory("--log-reads", "3", "--quota", "NVIDIA_TESLA_T4=2", "--deploy-seconds", "1.5")
    return Vertex(emulator, "strict")


def gpu_pool(vertex: Vertex, *args: str, count: int = 1) -> dict[str, Any]:
    machine = {
        "machine_type": "n1-standard-8", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": count,
    }  # fmt: skip
    return {**vertex.container_pool(*args), "machine_spec": machine}


def test_log_reads_above_the_quota_are_refused_for_this_project_only(strict: Vertex) -> None:
    def read(project: str) -> Any:
        body = {**LOGS, "resourceNames": [f"projects/{project}"]}
        return strict.emulator.http.post("/v2/entries:list", json=body)

    assert [read("reader").status_code for _ in range(4)] == [200, 200, 200, 429]
    error = read("reader").json()["error"]
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert "limit 'Read requests per minute' of service 'logging.googleapis.com'" in error["message"]
    assert read("other").status_code == 200


def test_accelerators_above_the_quota_are_refused_until_others_end(strict: Vertex) -> None:
    first = strict.create_job(pools=[gpu_pool(strict, "--until", "/nowhere", count=2)])
    with pytest.raises(exceptions.TooManyRequests, match="custom_model_training_nvidia_t4_gpus"):
        strict.create_job(pools=[gpu_pool(strict)])
    strict.jobs.cancel_custom_job(name=first.name)
    strict.wait_for_job(first.name)
    strict.run_job(pools=[gpu_pool(strict)])


def test_pretended_accelerators_are_named_in_the_log(vertex: Vertex) -> None:
    job = vertex.run_job(pools=[gpu_pool(vertex)])
    assert job.state.name == "JOB_STATE_SUCCEEDED"
    assert [line for line in vertex.log_lines(job) if "NVIDIA_TESLA_T4" in line and "runs without" in line]


@pytest.mark.parametrize(
    ("machine", "field"),
    [
        ({"machine_type": "n1-standard-5"}, "machine_type"),
        ({"machine_type": "n1-highcpu-8"}, "machine_type"),
        ({"machine_type": "g2-standard-12"}, "machine_spec"),
        (
            {"machine_type": "e2-standard-4", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 1},
            "accelerator_count",
        ),
        (
            {"machine_type": "n1-standard-8", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 3},
            "accelerator_count",
        ),
    ],
)
def test_machine_that_there_is_not_is_refused(vertex: Vertex, machine: dict[str, Any], field: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=field):
        vertex.create_job(pools=[{**vertex.container_pool(), "machine_spec": machine}])


def test_deployment_takes_the_time_that_was_set(strict: Vertex) -> None:
    endpoint = strict.create_endpoint().name
    model = strict.upload().model
    begun = time.monotonic()
    deployed = strict.deploy(endpoint, model, {"0": 100})
    assert time.monotonic() - begun >= 1.5
    strict.undeploy(endpoint, deployed.id)


def test_new_job_is_in_no_list_for_a_while(vertex: Vertex) -> None:
    vertex.emulator.set_fault(target="lagging_lists", delay_seconds=2)
    job = vertex.create_job()
    assert list(vertex.jobs.list_custom_jobs(parent=vertex.parent)) == []
    assert vertex.jobs.get_custom_job(name=job.name).name == job.name
    time.sleep(2)
    assert [found.name for found in vertex.jobs.list_custom_jobs(parent=vertex.parent)] == [job.name]


@pytest.mark.parametrize(("dedicated", "most"), [(False, 1_500_000), (True, 10_000_000)])
def test_predict_request_above_the_limit_names_its_size(vertex: Vertex, dedicated: bool, most: int) -> None:
    endpoint = {"display_name": "e", "dedicated_endpoint_enabled": dedicated}
    operation = vertex.endpoints.create_endpoint(parent=vertex.parent, endpoint=endpoint)
    path = f"/v1/{operation.result(timeout=60).name}:predict"
    filler = most - len('{"instances":[""]}')
    for extra, message in (
        (0, "traffic_split"),
        (1, f"{most + 1} bytes) exceeds {most / 1e6:.3f}MB limit"),
    ):
        body = '{"instances":["%s"]}' % ("a" * (filler + extra))
        error = vertex.emulator.http.post(path, content=body).json()["error"]
        assert message in error["message"]
        assert error["status"] == "FAILED_PRECONDITION"


@pytest.mark.parametrize("mask", ["displayName", "display_name"])
def test_update_mask_comes_in_either_case(vertex: Vertex, mask: str) -> None:
    name = vertex.create_endpoint().name
    answer = vertex.emulator.http.patch(f"/v1/{name}?updateMask={mask}", json={"displayName": mask})
    assert answer.json()["displayName"] == mask


def test_project_of_a_domain_has_a_colon(vertex: Vertex) -> None:
    there = Vertex(vertex.emulator, "example.com:flowers")
    name = there.create_endpoint("roses").name
    assert name.startswith("projects/example.com:flowers/")
    assert there.endpoints.get_endpoint(name=name).name == name
