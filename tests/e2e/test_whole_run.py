"""Raw pictures to a served model through a real scheduler, and what happens when it is done again."""

import json
import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from local import accounts
from local.accounts import PROJECT, OwnerLogin
from local.demo import follow
from local.environment import BUCKET, REGION
from local.programs import EMULATOR
from local.report import Report
from local.sources import Source
from local.stack import Stack
from metrics_collector import MetricsCollector
from stack_api import StackApi

CHECKOUT = Path(__file__).parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

CHAIN = [
    "upload_data",
    "convert_to_tfrecord",
    "train",
    "validate_export",
    "create_model_version",
    "smoke_predict",
    "promote",
]


def vertex(stack: Stack, path: str) -> dict[str, list[dict[str, object]]]:
    url = f"{stack.ports.emulator_url}/v1/projects/{PROJECT}/locations/{REGION}/{path}"
    response = httpx.get(url, timeout=60, auth=OwnerLogin(stack.paths))
    response.raise_for_status()
    return response.json()


def versions(stack: Stack) -> list[str]:
    listed = vertex(stack, "models/flowers:listVersions")
    return sorted(str(model["versionId"]) for model in listed["models"])


def conversions(stack: Stack) -> set[Path]:
    return set((stack.paths.buckets / BUCKET / "datasets/flowers/tfrecord").glob("*/dataset_info.json"))


def test_run_goes_through_the_whole_chain_and_says_what_became_of_the_model(
    stack: Stack, first_run: Report
) -> None:
    assert first_run.state == "success"
    assert list(first_run.tasks) == CHAIN
    assert {task["state"] for task in first_run.tasks.values()} == {"success"}
    assert first_run.version in versions(stack)
    assert first_run.evaluation is not None
    assert first_run.reasons
    assert first_run.succeeded


def test_run_leaves_the_metrics_that_the_page_names(first_run: Report, metrics: MetricsCollector) -> None:
    page = (CHECKOUT / "docs" / "metrics.md").read_text()
    named = set(re.findall(r"^\| `(perennial\.[a-z._]+)` \|", page, re.MULTILINE))
    assert {f"airflow.{name}" for name in named} <= metrics.names()
    of_flowers = {name: metrics.values(f"airflow.{name}", dataset="flowers") for name in named}
    assert all(of_flowers.values())
    records = {dict(tags)["split"]: count for tags, count in of_flowers["perennial.records"].items()}
    assert sum(records.values()) == 200
    assert list(of_flowers["perennial.rejected_records"].values()) == [0.0]
    jobs = {(dict(tags)["task"], dict(tags)["state"]) for tags in of_flowers["perennial.jobs"]}
    assert jobs == {("convert_to_tfrecord", "JOB_STATE_DONE"), ("train", "JOB_STATE_SUCCEEDED")}
    assert first_run.evaluation is not None
    reached = {dict(tags)["metric"]: value for tags, value in of_flowers["perennial.model"].items()}
    assert reached["accuracy"] == pytest.approx(first_run.evaluation.metrics["accuracy"])


def test_dashboard_shows_metrics_that_there_are(first_run: Report, metrics: MetricsCollector) -> None:
    del first_run
    dashboard = (CHECKOUT / "deploy" / "grafana" / "perennial.json").read_text()
    shown = set(re.findall(r"\bairflow_\w+(?=[\[{)])", dashboard))
    there = metrics.prometheus_names()
    assert shown
    assert shown <= there


def test_run_leaves_one_commit_mark_and_statistics_that_add_up(stack: Stack, first_run: Report) -> None:
    (mark,) = conversions(stack)
    statistics = json.loads((mark.parent / "statistics.json").read_text())
    assert sum(statistics["records"].values()) == statistics["read"] == 200


def test_run_tears_its_candidate_endpoint_down(stack: Stack, first_run: Report) -> None:
    # A version that the gate declines is deployed nowhere: there may be no endpoint at all.
    endpoints = vertex(stack, "endpoints").get("endpoints", [])
    serving = {
        str(endpoint["name"]).rpartition("/")[2]: endpoint.get("deployedModels") for endpoint in endpoints
    }
    assert not serving.get("flowers-candidate")
    assert bool(serving.get("flowers")) == first_run.promoted


def test_run_was_refused_no_right(stack: Stack, first_run: Report) -> None:
    _, lacking = accounts.differences(stack.paths)
    assert lacking == []
    used, _ = accounts.used(stack.paths)
    users = {account for account, _ in used}
    assert {"perennial-airflow", "perennial-jobs", "perennial-serving"} - users <= (
        set() if first_run.promoted else {"perennial-serving"}
    )


def test_second_run_with_nothing_new_converts_nothing_and_says_why(
    stack: Stack, first_run: Report, few_pictures: Source, short_training: dict[str, int]
) -> None:
    before = conversions(stack)
    marks = {mark: mark.stat().st_mtime_ns for mark in before}
    second = follow(stack, "flowers", few_pictures, short_training)
    assert second.state == "success"
    assert {mark: mark.stat().st_mtime_ns for mark in conversions(stack)} == marks
    assert "nothing to" in second.tasks["upload_data"]["note"]
    assert "nothing to" in second.tasks["convert_to_tfrecord"]["note"]
    assert second.version != first_run.version


@pytest.mark.slow
def test_kill_of_the_emulator_while_a_job_trains_ends_well_with_one_version(
    stack: Stack, first_run: Report, few_pictures: Source, short_training: dict[str, int]
) -> None:
    before = versions(stack)
    killed: list[int] = []

    def kill_while_training() -> None:
        for _ in range(600):
            jobs = vertex(stack, "customJobs")["customJobs"]
            if any(job["state"] == "JOB_STATE_RUNNING" for job in jobs):
                (pid,) = [status.pid for status in stack.statuses() if status.name == EMULATOR]
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return
            time.sleep(0.2)

    killer = threading.Thread(target=kill_while_training)
    killer.start()
    report = follow(stack, "flowers", few_pictures, {**short_training, "train_steps": 60})
    killer.join()
    assert killed
    assert report.state == "success"
    assert set(versions(stack)) - set(before) == {report.version}


def test_requests_that_write_do_not_stand_still_together(api: StackApi) -> None:
    """The dialog that triggers a paused DAG sends two at once; without turns, many such pairs failed."""

    def pause(number: int) -> httpx.Response:
        return api.airflow.patch("/api/v2/dags/housekeeping", json={"is_paused": number % 2 == 0})

    def write(number: int) -> httpx.Response:
        return api.airflow.post("/api/v2/variables", json={"key": f"key-{number}", "value": "1"})

    with ThreadPoolExecutor(2) as threads:
        for number in range(21):
            answers = [threads.submit(send, number) for send in (write, pause)]
            assert [answer.result().status_code for answer in answers] == [201, 200]
