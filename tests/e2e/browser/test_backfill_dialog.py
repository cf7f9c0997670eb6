"""Backfill: planned on the plugin's page, started in Airflow's dialog, shown on the models page."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.sources import sample
from local.stack import Stack
from stack_api import StackApi
from trigger_dialog import TriggerDialog

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

DAG = "yellow_taxi_training"


def test_backfill_of_three_months_makes_three_versions_and_promotes_none_on_older_data(
    page: Page, stack: Stack, api: StackApi, tmp_path: Path
) -> None:
    sample("yellow_taxi", stack.paths)

    page.goto(f"/dags/{DAG}")
    page.get_by_role("link", name="Backfill plan").click()
    plan = page.frame_locator("iframe")
    plan.get_by_label("From").fill("2019-01-01")
    plan.get_by_label("To").fill("2019-03-01")
    plan.get_by_role("button", name="Plan").click()
    expect(plan.get_by_role("status")).to_contain_text("3 runs: 3 Dataflow jobs")
    page.screenshot(path=tmp_path / "plan.png")

    dialog = TriggerDialog(page, DAG)
    dialog.choose_backfill(since="2019/01/01", until="2019/03/01", at_a_time=3)
    dialog.open_section("Training")
    dialog.fill("train_epochs", "1")
    expect(dialog.dialog.get_by_text("3 runs will be triggered.")).to_be_visible()
    page.screenshot(path=tmp_path / "dialog.png")
    dialog.submit("Run Backfill")
    expect(dialog.dialog).to_be_hidden()

    states = api.states_after_backfill(DAG)
    assert [states[f"2019-{month:02}-01"] for month in range(1, 4)] == ["success"] * 3
    assert {run["conf"]["train_epochs"] for run in api.runs(DAG) if run["run_type"] == "backfill"} == {1}
    assert api.dataflow_jobs("yellow_taxi") == 3
    # One epoch makes poor models: the gate decides, whichever of the three is over first.
    promoted = api.promoted_data("yellow_taxi")
    assert promoted == sorted(promoted, key=lambda found: found[1]), "never one on older data"
    in_production = promoted[-1][0]
    assert api.version_in_production("yellow_taxi") == in_production

    page.goto(f"/retraining/models/{DAG}")
    versions = page.get_by_role("region", name="Versions").locator("tbody tr")
    expect(versions).to_have_count(3)
    (serving,) = [row for row in versions.all() if "serving" in row.inner_text()]
    assert serving.get_by_role("rowheader").inner_text() == in_production
    page.screenshot(path=tmp_path / "models.png", full_page=True)
