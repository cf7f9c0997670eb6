"""The gcloud program against the emulator: a client that nobody here wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gcloud")


@pytest.fixture
def gcloud(vertex: Any, configuration: Path) -> Any:
    environment = {
        **os.environ,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"http://127.0.0.1:{vertex.emulator.port}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CONFIG": str(configuration),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
        "CLOUDSDK_CORE_PROJECT": vertex.project,
    }
    # gcloud brings a Python of its own; ours is not for it.
    environment.pop("PYTHONPATH", None)

    def run(*arguments: str) -> Any:
        command = ["gcloud", "ai", *arguments, "--region=us-central1", "--format=json"]
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


def test_custom_jobs_are_listed_and_described(vertex: Any, gcloud: Any) -> None:
    job = vertex.run_job()
    assert [found["name"] for found in gcloud("custom-jobs", "list")] == [job.name]
    described = gcloud("custom-jobs", "describe", job.name.rpartition("/")[2])
    assert described["state"] == "JOB_STATE_SUCCEEDED"


def test_custom_job_is_created_with_a_filter_that_finds_it(vertex: Any, gcloud: Any) -> None:
    pool = vertex.container_pool()["container_spec"]["image_uri"]
    created = gcloud(
        "custom-jobs", "create", "--display-name=by-gcloud",
        f"--worker-pool-spec=machine-type=n1-standard-4,replica-count=1,container-image-uri={pool}",
    )  # fmt: skip
    vertex.wait_for_job(created["name"])
    found = gcloud("custom-jobs", "list", "--filter=displayName=by-gcloud")
    assert [job["name"] for job in found] == [created["name"]]


def test_models_and_their_versions_are_listed(vertex: Any, gcloud: Any) -> None:
    model = vertex.upload(request={"model_id": "flowers"}).model
    vertex.upload(request={"parent_model": model}, version_aliases=["candidate"])
    assert [found["name"] for found in gcloud("models", "list")] == [model]
    versions = {v["versionId"]: v["versionAliases"] for v in gcloud("models", "list-version", "flowers")}
    assert versions == {"1": ["default"], "2": ["candidate"]}


def test_endpoints_are_listed_and_answer(vertex: Any, gcloud: Any, tmp_path: Path) -> None:
    endpoint = vertex.create_endpoint("flowers").name
    vertex.deploy(endpoint, vertex.upload().model, {"0": 100})
    assert [found["name"] for found in gcloud("endpoints", "list")] == [endpoint]
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"instances": ["a"]}))
    answer = gcloud("endpoints", "predict", "flowers", f"--json-request={request}")
    assert answer["predictions"] == [{"echo": "a", "weights": "good"}]
