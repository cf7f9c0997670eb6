"""Airflow's own pages."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.report import Report

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


def test_dag_list_shows_flowers_training(page: Page) -> None:
    page.goto("/dags")
    expect(page.get_by_role("link", name="flowers_training", exact=True).first).to_be_visible()


def test_grid_of_a_finished_run_shows_every_task(page: Page, first_run: Report, tmp_path: Path) -> None:
    page.goto(f"/dags/flowers_training/runs/{first_run.run_id}")
    for task in first_run.tasks:
        expect(page.get_by_role("link", name=task).first).to_be_visible()
    page.screenshot(path=tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000
