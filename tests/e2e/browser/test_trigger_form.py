"""Airflow's trigger dialog: its fields, its validation, and the run that it starts."""

import pytest
from playwright.sync_api import Page, expect

from local.report import Report
from stack_api import StackApi
from trigger_dialog import TriggerDialog

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def manual_runs(api: StackApi, dag_id: str) -> set[str]:
    return {run["dag_run_id"] for run in api.runs(dag_id) if run["run_type"] == "manual"}


def test_form_offers_the_training_arguments(page: Page) -> None:
    form = TriggerDialog(page, "flowers_training")
    form.open_section("Training")
    expect(form.dialog.get_by_text("--train_steps of trainer.task")).to_be_visible()
    expect(form.field("train_steps")).to_have_value("220")


def test_form_keeps_numbers_within_their_bounds(page: Page) -> None:
    form = TriggerDialog(page, "flowers_training")
    form.open_section("Training")
    form.fill("train_steps", "-5")
    expect(form.field("train_steps")).to_have_value("1")


def test_form_refuses_a_bad_value_and_says_why(page: Page, api: StackApi) -> None:
    before = manual_runs(api, "yellow_taxi_training")
    form = TriggerDialog(page, "yellow_taxi_training")
    form.open_section("Data")
    form.fill("window", "twelve months")
    form.submit("Trigger")
    expect(form.dialog.get_by_text("Invalid input for param window: 'twelve months'")).to_be_visible()
    expect(form.field("window")).to_have_value("twelve months")
    # The dialog has unpaused the DAG all the same, which starts no manual run.
    assert manual_runs(api, "yellow_taxi_training") == before


@pytest.mark.slow
def test_form_triggers_a_run_with_the_values_typed_in(
    page: Page, api: StackApi, promoted_run: Report
) -> None:
    before = api.runs("blooms_training")[0]
    form = TriggerDialog(page, "blooms_training")
    form.open_section("Data")
    form.fill("source", before["conf"]["source"])
    form.open_section("Training")
    form.fill("train_steps", "12")
    form.fill("steps_per_eval", "6")
    form.open_section("Promotion")
    form.switch_off("promote")
    run_id = form.trigger()
    assert run_id != promoted_run.run_id

    assert api.state_at_the_end("blooms_training", run_id) == "success"
    page.get_by_role("link", name="Report").click()
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", level=1)).to_contain_text("was not promoted")
    expect(report.get_by_role("region", name="Training").locator("dl").first).to_contain_text("Steps12")
