"""Identities: whatever determines a job or a version is in its name, so that none is taken for another."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from google.cloud import dataflow_v1beta3 as dataflow

from contract import naming
from retraining.context import run_context
from retraining.google import vertex_jobs
from retraining.google.dataflow_jobs import WaitingRuns
from retraining.google.models import Models
from retraining.listener import TASKS, JobListener, cancel_jobs
from retraining_chain import POLL_SECONDS, REGION

CREATE = "aiplatform.JobService.CreateCustomJob"
ACTIVE = ("JOB_STATE_PENDING", "JOB_STATE_QUEUED", "JOB_STATE_RUNNING", "JOB_STATE_SUCCEEDED")


def files(chain: Any, uri: str) -> dict[str, str]:
    """The files below a folder with their digests."""
    folder = chain.file(uri)
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def folders(chain: Any) -> list[str]:
    return [job.job_spec.base_output_directory.output_uri_prefix for job in chain.jobs()]


def test_run_that_is_repeated_with_other_arguments_makes_and_promotes_another_version(chain: Any) -> None:
    first = chain.train()
    version = chain.create_version(first["job_dir"])
    chain.promote(version["name"], first["job_dir"])
    before = files(chain, first["job_dir"])
    other = chain.with_params(accuracy=0.95)
    second = other.train()
    made = other.create_version(second["job_dir"])
    assert other.promote(made["name"], second["job_dir"])["promoted"]
    assert (version["version"], made["version"]) == ("1", "2")
    assert chain.serving() == {"2": 100}
    assert files(chain, first["job_dir"]) == before


STEPS = ("repeat", "override", "change", "anew", "clear", "fail", "reconvert")


def step(chain: Any, name: str, cleared: int) -> tuple[Any, tuple[object, ...]]:
    """A run as a step of a sequence leaves it, and what determines its model."""
    spec = chain.spec.training
    changed = replace(spec, arguments={**spec.arguments, "accuracy": 0.85})
    run = replace(chain, run=replace(chain.run, clear_number=cleared))
    return {
        "repeat": (run, ("as specified",)),
        "override": (run.with_params(accuracy=0.8), ("accuracy", 0.8)),
        "change": (run.with_spec(training=changed), ("accuracy", 0.85)),
        "anew": (run.with_params(retrain=True), ("anew", cleared)),
        "clear": (run, ("as specified",)),
        "fail": (run.with_params(fail="preempted"), ("fail",)),
        "reconvert": (run.with_params(accuracy=0.8, retrain=True), ("anew", 0.8, cleared)),
    }[name]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_any_sequence_over_one_run_leaves_the_files_of_every_version_as_they_were(
    chain: Any, seed: int
) -> None:
    draw, cleared = random.Random(seed), 0
    made: dict[str, dict[str, str]] = {}
    versions: dict[tuple[object, ...], str] = {}
    jobs = 0
    for name in ("repeat", "repeat", *draw.choices(STEPS, k=8)):
        cleared += name == "clear"
        run, inputs = step(chain, name, cleared)
        if name == "fail":
            with pytest.raises(AirflowException):
                run.train()
            jobs += 1
            continue
        job_dir = run.train()["job_dir"]
        jobs += inputs not in versions
        version = run.create_version(job_dir)["version"]
        assert versions.setdefault(inputs, version) == version
        made.setdefault(job_dir, files(chain, f"{job_dir}model/"))
        assert {folder: files(chain, f"{folder}model/") for folder in made} == made
    assert len(set(versions.values())) == len(versions) == len(made) == len(chain.versions())
    assert len(set(folders(chain))) == len(chain.jobs()) == jobs


def test_train_whose_request_is_answered_too_late_keeps_the_older_of_two_jobs(
    chain: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vertex_jobs, "CALL_TIMEOUT_SECONDS", 1.0)
    chain.fault(CREATE, delay_seconds=1.5, count=1)
    go = tmp_path / "go"
    timer = threading.Timer(6, go.touch)
    timer.start()
    result = chain.with_params(until=str(go)).train()
    timer.join()
    kept = [job for job in chain.jobs() if job.state.name in ACTIVE]
    assert [job.name for job in kept] == [result["job"]]
    assert len(set(folders(chain))) == len(chain.jobs())


def test_train_of_two_tries_at_once_keeps_one_job_with_a_folder_of_its_own(
    chain: Any, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    chain.fault(CREATE, delay_seconds=1, count=2)
    waiting = chain.with_params(until=str(go))
    results: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: results.append(waiting.train())) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(4)
    go.touch()
    for thread in threads:
        thread.join()
    assert results[0] == results[1]
    oldest, *others = chain.jobs()
    assert results[0]["job"] == oldest.name
    assert [job.state.name for job in others] == ["JOB_STATE_CANCELLED"] * len(others)
    assert len(set(folders(chain))) == len(chain.jobs())


def test_train_after_a_failure_begins_with_a_copy_of_its_checkpoints(chain: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    operator = chain.with_params(until=str(go))
    with pytest.raises(AirflowException):
        chain.with_params(fail="preempted").train()
    (first,) = folders(chain)
    chain.write(f"{first}checkpoints/checkpoint", "step 100")
    chain.write(f"{first}model/half", "written")
    with pytest.raises(AirflowException):
        chain.with_params(fail="preempted").train()
    second = folders(chain)[1]
    assert second != first
    assert set(files(chain, second)) == {"checkpoints/checkpoint"}
    go.touch()
    assert "checkpoints/checkpoint" not in files(chain, operator.train()["job_dir"])


def test_deployments_in_one_project_do_not_meet(chain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    chain.promoted("manual__0")
    monkeypatch.setenv("PERENNIAL_DEPLOYMENT", "dev")
    trained = chain.train()
    assert trained["production_version"] is None
    assert trained["job_dir"].startswith(f"gs://{chain.bucket}/deployments/dev/runs/flowers/")
    version = chain.create_version(trained["job_dir"])
    assert version["name"].endswith("/models/dev--flowers@1")
    chain.smoke(version["name"], trained["job_dir"])
    assert chain.promote(version["name"], trained["job_dir"])["endpoint"] == "dev--flowers"
    assert chain.serving("dev--flowers") == {"1": 100}
    assert chain.serving() == {"1": 100}
    with run_context(chain.context) as context:
        context.endpoints.clear("dev--flowers", context.names("flowers"), report=lambda _: None)


def foreign_model(chain: Any, model_id: str) -> str:
    """A model of another team; its resource name."""
    with run_context(chain.context) as context:
        parent = context.clients.parent
        model = {
            "display_name": "team b",
            "artifact_uri": chain.other_run("manual__X").trained() + "model/",
            "version_aliases": ["stable"],
            "container_spec": {
                "image_uri": context.settings.serving_image,
                "predict_route": "/predict",
                "health_route": "/health",
            },
        }
        request = {"parent": parent, "model_id": model_id, "model": model}
        made = context.clients.models.upload_model(request=request).result(timeout=60)
    return str(made.model)


def test_model_of_another_team_is_never_changed(chain: Any, tmp_path: Path) -> None:
    foreign_model(chain, "flowers")
    (tmp_path / "a.jpg").write_bytes(b"a")
    with pytest.raises(AirflowFailException, match="models/flowers: expected a version with the labels"):
        chain.upload(str(tmp_path))
    with pytest.raises(AirflowFailException, match="models/flowers: expected"):
        chain.create_version(chain.trained())
    assert [(version.version, sorted(version.aliases)) for version in chain.versions()] == [
        ("1", ["default", "stable"])
    ]


@pytest.mark.parametrize("endpoint_id", ["flowers", "flowers-candidate"])
def test_endpoint_of_another_team_is_never_changed(chain: Any, tmp_path: Path, endpoint_id: str) -> None:
    model = foreign_model(chain, "team_b_model")
    with run_context(chain.context) as context:
        endpoints, parent = context.clients.endpoints, context.clients.parent
        name = f"{parent}/endpoints/{endpoint_id}"
        request = {
            "parent": parent,
            "endpoint_id": endpoint_id,
            "endpoint": {"display_name": "team b's", "labels": {"owner": "team-b"}},
        }
        endpoints.create_endpoint(request=request).result(timeout=60)
        deployed = {
            "model": model,
            "dedicated_resources": {
                "machine_spec": {"machine_type": "n1-standard-2"},
                "min_replica_count": 1,
            },
        }
        deploy = {"endpoint": name, "deployed_model": deployed, "traffic_split": {"0": 100}}
        endpoints.deploy_model(request=deploy).result(timeout=60)
        (tmp_path / "a.jpg").write_bytes(b"a")
        with pytest.raises(AirflowFailException, match=f"endpoints/{endpoint_id}: expected the labels"):
            chain.upload(str(tmp_path))
        job_dir = chain.trained()
        version = chain.create_version(job_dir)["name"]
        step = chain.promote if endpoint_id == "flowers" else chain.smoke
        with pytest.raises(AirflowFailException, match=f"endpoints/{endpoint_id}: expected the labels"):
            step(version, job_dir)
        chain.smoker(version, job_dir).on_kill()
        found = endpoints.get_endpoint(name=name)
        assert [one.model.rpartition("/")[2] for one in found.deployed_models] == ["team_b_model"]
        endpoints.undeploy_model(
            endpoint=name, deployed_model_id=found.deployed_models[0].id, traffic_split={}
        ).result(timeout=60)


def test_version_that_was_made_twice_is_one_after_a_failed_deletion_too(chain: Any) -> None:
    job_dir = chain.trained()
    name = chain.create_version(job_dir)["name"]
    with run_context(chain.context) as context:
        models, labels = Models(context.clients, poll_seconds=POLL_SECONDS), chain.versions()[0].labels
        first = context.clients.models.get_model(name=name)
        request = {
            "parent": context.clients.parent,
            "parent_model": name.partition("@")[0],
            "model": {
                "display_name": "flowers",
                "artifact_uri": first.artifact_uri,
                "labels": dict(labels),
                "version_aliases": [naming.CANDIDATE_ALIAS],
                "container_spec": {
                    "image_uri": first.container_spec.image_uri,
                    "predict_route": "/predict",
                    "health_route": "/health",
                },
            },
        }
        # As an upload whose answer was lost, and whose second copy could not be deleted by that try.
        context.clients.models.upload_model(request=request).result(timeout=60)
        assert len(models.versions("flowers")) == 2
    assert chain.create_version(job_dir)["version"] == "1"
    assert [(one.version, sorted(one.aliases)) for one in chain.versions()] == [
        ("1", ["candidate", "default"])
    ]


def test_conversion_that_two_runs_wait_for_is_cancelled_with_the_second(chain: Any) -> None:
    with run_context(chain.context) as context:
        folder = context.names("flowers").waiting_folder("k")
        one, other = (WaitingRuns(context.storage, folder=folder, run=run) for run in ("r1", "r2"))
        one.enter()
        other.enter()
        other.enter()
        assert one.leave() == ["r2"]
        assert one.leave() == ["r2"]
        assert other.leave() == []


def test_job_of_a_task_that_is_marked_as_failed_between_two_tries_is_cancelled(
    chain: Any, tmp_path: Path
) -> None:
    waiting = chain.with_params(until=str(tmp_path / "never"))
    other = chain.other_run("manual__2").with_params(until=str(tmp_path / "go"))
    for run in (waiting, other):
        with run_context(run.context) as context:
            run.trainer().start(context)
    failed = SimpleNamespace(dag_id="flowers_training", run_id="manual__1", task_id="train")
    JobListener().on_task_instance_failed(None, failed, "TaskInstance's state was manually set to `failed`.")
    deadline = time.monotonic() + 30
    while "JOB_STATE_CANCELLED" not in [job.state.name for job in chain.jobs()]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (tmp_path / "go").touch()
    other.train()
    assert sorted(job.state.name for job in chain.jobs()) == ["JOB_STATE_CANCELLED", "JOB_STATE_SUCCEEDED"]


def test_conversion_that_another_run_waits_for_survives_a_run_that_is_marked_as_failed(chain: Any) -> None:
    chain.fault("slow_start", delay_seconds=5)
    url = f"gs://{chain.bucket}/pipeline.pb"
    chain.write(url, "no pipeline")
    with run_context(chain.context) as context:
        names = context.names("flowers")
        job = dataflow.Job(
            name=names.conversion_job("k"),
            environment={"sdk_pipeline_options": {"options": {"pipelineUrl": url}}},
        )
        request = dataflow.CreateJobRequest(project_id=chain.project, location=REGION, job=job)
        made = context.clients.dataflow_jobs.create_job(request)
        for run in ("r1", "r2"):
            WaitingRuns(context.storage, folder=names.waiting_folder("k"), run=run).enter()
        assert cancel_jobs(context, "flowers", "r1", TASKS) == []
        assert cancel_jobs(context, "flowers", "r1", TASKS) == []
        assert cancel_jobs(context, "flowers", "r2", TASKS) == [made.id]
