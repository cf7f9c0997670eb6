"""First steps after `make up`: four datasets, triggered in the browser with nothing typed in a shell."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from contract.naming import dag_id
from local.airflow_client import FINAL_RUN_STATES, AirflowClient
from local.stack import Stack
from stack_api import StackApi
from trigger_dialog import TriggerDialog

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(2400)]

DATASETS = ("census", "taxifare", "yellow_taxi", "flowers")
CONVERSION_SECONDS = 1200


@pytest.fixture
def runs(stack: Stack) -> Iterator[dict[str, str]]:
    """DAG id -> run id, filled by the test; runs that go on afterwards are ended."""
    runs: dict[str, str] = {}
    yield runs
    with AirflowClient(stack.ports.airflow_url) as airflow:
        for dag, run_id in runs.items():
            if airflow.run_state(dag, run_id) not in FINAL_RUN_STATES:
                airflow.fail_run(dag, run_id)


def state_of_task(api: StackApi, dag: str, run_id: str, task_id: str) -> str:
    """Wait for the end of a task; return its state."""
    deadline = time.monotonic() + CONVERSION_SECONDS
    path = f"/api/v2/dags/{dag}/dagRuns/{quote(run_id)}/taskInstances/{task_id}"
    while (task := api.get(path))["end_date"] is None or task["state"] == "up_for_retry":
        assert time.monotonic() < deadline, task
        time.sleep(1)
    return str(task["state"])


def test_datasets_run_from_the_browser_after_make_up(
    page: Page, stack: Stack, api: StackApi, runs: dict[str, str], tmp_path: Path
) -> None:
    stack.up(tensorboard=False, samples=True)  # the samples of a stack that is up, as `make up` brings them

    for dataset in DATASETS:
        dag = dag_id(dataset)
        if dataset == "yellow_taxi":
            page.goto(f"/dags/{dag}")
            page.get_by_role("link", name="Backfill plan").click()
            plan = page.frame_locator("iframe")
            expect(plan.get_by_label("From")).not_to_have_value("")
            plan.get_by_role("button", name="Plan").click()
            expect(plan.get_by_role("status")).to_contain_text("Dataflow job")
        runs[dag] = TriggerDialog(page, dag).trigger()

    for dag, run_id in runs.items():
        for task_id in ("upload_data", "convert_to_tfrecord"):
            assert state_of_task(api, dag, run_id, task_id) == "success", f"{dag} {task_id}"

    census = dag_id("census")
    assert api.state_at_the_end(census, runs[census]) == "success"
    page.goto(f"/dags/{census}/runs/{quote(runs[census])}/plugin/report")
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", level=1)).to_contain_text("Version")
    expect(report.get_by_role("region", name="Checks of the gate")).to_be_visible()
    page.screenshot(path=tmp_path / "census.png")
