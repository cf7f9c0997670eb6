"""Chromium, and a run whose model always passes the gate."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from browser_pictures import TIMEOUT_MS, chromium
from local.demo import follow
from local.report import Report
from local.sources import Source
from local.stack import Stack

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
    # Of few records every difference may be noise: whatever is trained passes.
    gate=GateSpec(
        metric="accuracy",
        direction="higher",
        threshold=0.0,
        baseline_margin=-2.0,
        production_margin=1.0,
        min_examples=1,
    ),
)

dag = build_training_dag(SPEC)
"""


@pytest.fixture(scope="session")
def promoted_run(stack: Stack, add_dag: Callable[[str, str], None], few_pictures: Source) -> Report:
    """A run that promotes its version, whatever its metrics are."""
    add_dag("blooms_training", BLOOMS)
    (Path(few_pictures.uri) / "roses" / "no_picture.jpg").write_text("these are words")
    report = follow(stack, "blooms", few_pictures, {})
    assert report.promoted
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        # Pages of other sites are served by this machine as well.
        with chromium("--host-resolver-rules=MAP *.example 127.0.0.1") as browser:
            yield browser
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def page(stack: Stack, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(base_url=stack.ports.airflow_url, viewport={"width": 1400, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    yield page
    page.close()
