"""A browser, and a model that is always good enough for production."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from local.demo import follow
from local.report import Report
from local.sources import Source
from local.stack import Stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

BLOOMS = """
from contract import DataContract, DatasetSpec, GateSpec, TrainingSpec, image_features
from retraining.dag import build_training_dag

SPEC = DatasetSpec(
    contract=DataContract(
        name="blooms",
        record_format="image",
        features=image_features(("daisy", "dandelion", "roses", "sunflowers", "tulips")),
    ),
    source="flowers",
    training=TrainingSpec(
        arguments={
            "model": "resnet",
            "resnet_depth": 18,
            "image_size": 32,
            "train_batch_size": 32,
            "train_steps": 20,
            "steps_per_eval": 10,
        }
    ),
    gate=GateSpec(metric="accuracy", direction="higher", threshold=0.0, baseline_margin=-1.0),
)

dag = build_training_dag(SPEC)
"""


@pytest.fixture(scope="session")
def promoted_run(stack: Stack, add_dag: Callable[[str, str], None], few_pictures: Source) -> Report:
    """A run that ends in production, whatever its model has learnt."""
    add_dag("blooms_training", BLOOMS)
    (Path(few_pictures.uri) / "roses" / "no_picture.jpg").write_text("these are words")
    report = follow(stack, "blooms", few_pictures, {})
    assert report.promoted
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        expect.set_options(timeout=60_000)
        yield browser
        browser.close()


@pytest.fixture
def page(stack: Stack, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(base_url=stack.ports.airflow_url, viewport={"width": 1400, "height": 900})
    page.set_default_timeout(60_000)
    yield page
    page.close()
