"""What a person sees in Airflow's UI, in a real browser."""

from pathlib import Path

import pytest
from local_stack.demo.report import Report
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_dag_list_shows_flowers_training(page: Page) -> None:
    page.goto("/dags")
    expect(page.get_by_role("link", name="flowers_training", exact=True).first).to_be_visible()


def test_trigger_form_offers_the_training_arguments(page: Page) -> None:
    page.goto("/dags/flowers_training")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Training", exact=True).click()
    expect(form.get_by_text("--train_steps of trainer.task")).to_be_visible()
    expect(form.get_by_role("button", name="Trigger", exact=True)).to_be_enabled()


def test_grid_of_a_finished_run_shows_every_task(page: Page, first_run: Report, tmp_path: Path) -> None:
    page.goto(f"/dags/flowers_training/runs/{first_run.run_id}")
    for task in first_run.tasks:
        expect(page.get_by_role("link", name=task).first).to_be_visible()
    page.screenshot(path=tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000
