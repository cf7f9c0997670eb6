"""The gcloud program against the emulator: a client that nobody here wrote."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
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
        **vertex.emulator.gcloud_environment,
        "CLOUDSDK_CONFIG": str(configuration),
        "CLOUDSDK_CORE_PROJECT": vertex.project,
    }

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


def test_tuning_job_is_created_described_listed_and_its_log_read(
    vertex: Any, gcloud: Any, tmp_path: Path
) -> None:
    image = vertex.container_pool(image="little_tuned")["container_spec"]["image_uri"]
    config = tmp_path / "config.yaml"
    config.write_text(f"""
studySpec:
  metrics: [{{metricId: accuracy, goal: MAXIMIZE}}]
  parameters:
  - parameterId: learning_rate
    doubleValueSpec: {{minValue: 0.001, maxValue: 0.1}}
    scaleType: UNIT_LOG_SCALE
trialJobSpec:
  workerPoolSpecs:
  - machineSpec: {{machineType: n1-standard-4}}
    replicaCount: 1
    containerSpec: {{imageUri: "{image}"}}
""")
    created = gcloud(
        "hp-tuning-jobs", "create", "--display-name=by-gcloud", f"--config={config}",
        "--max-trial-count=2", "--parallel-trial-count=2", "--algorithm=random-search",
    )  # fmt: skip
    job_id = created["name"].rpartition("/")[2]
    deadline = time.monotonic() + 60
    while "endTime" not in (job := gcloud("hp-tuning-jobs", "describe", job_id)):
        assert time.monotonic() < deadline
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [trial["state"] for trial in job["trials"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert [trial["finalMeasurement"]["metrics"][0]["metricId"] for trial in job["trials"]] == [
        "accuracy"
    ] * 2
    assert [found["name"] for found in gcloud("hp-tuning-jobs", "list")] == [job["name"]]
    lines = gcloud("hp-tuning-jobs", "stream-logs", job_id, "--polling-interval=1")
    assert sum("little_tuned runs in place of" in line["message"] for line in lines) == 2


def test_tuning_job_is_cancelled(vertex: Any, gcloud: Any) -> None:
    image = vertex.container_pool("--until", "/nowhere", image="little_tuned")
    rate = {"parameter_id": "learning_rate", "double_value_spec": {"min_value": 0.1, "max_value": 1}}
    job = vertex.jobs.create_hyperparameter_tuning_job(
        parent=vertex.parent,
        hyperparameter_tuning_job={
            "display_name": "cancelled", "max_trial_count": 2, "parallel_trial_count": 1,
            "study_spec": {"metrics": [{"metric_id": "accuracy"}], "parameters": [rate]},
            "trial_job_spec": {"worker_pool_specs": [image]},
        },
    )  # fmt: skip
    gcloud("hp-tuning-jobs", "cancel", job.name.rpartition("/")[2])
    deadline = time.monotonic() + 60
    while vertex.jobs.get_hyperparameter_tuning_job(name=job.name).state.name != "JOB_STATE_CANCELLED":
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
