"""Two runs that need the same conversion at the same moment."""

from __future__ import annotations

import io
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import uv
from airflow.sdk.exceptions import AirflowException
from PIL import Image

from retraining.context import run_context

SNAPSHOT = "fedcba9876543210"
CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for package in ("perennial-contract", "perennial-preprocessing"):
        command = [uv.find_uv_bin(), "build", "--quiet", "--sdist", "--package", package]
        subprocess.run([*command, "--out-dir", str(tmp_path)], cwd=CHECKOUT, check=True)
    return tmp_path


def fill(chain: Any) -> None:
    raw = chain.file(f"gs://{chain.bucket}/datasets/flowers/raw/{SNAPSHOT}")
    for number in range(10):
        encoded = io.BytesIO()
        Image.new("RGB", (24, 16), (number * 20, 99, 55)).save(encoded, "JPEG")
        path = raw / ("daisy", "roses")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded.getvalue())


def test_convert_of_two_runs_that_start_at_the_same_moment_makes_one_job(
    chain: Any, packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(chain)
    monkeypatch.setenv("PERENNIAL_PACKAGES", str(packages))
    runs = [chain.other_run("backfill__1"), chain.other_run("backfill__2")]
    together = Barrier(len(runs))

    def first_try(run: Any) -> str | None:
        with run_context(run.context) as context:
            together.wait(60)
            try:
                started: str | None = chain.converter(SNAPSHOT).start(context)
            except AirflowException:
                return None  # refused by the service: Airflow tries again
            return started

    with ThreadPoolExecutor(len(runs)) as pool:
        started = set(pool.map(first_try, runs)) - {None}
    results = [run.execute(chain.converter(SNAPSHOT)) for run in runs]

    (job,) = started
    with run_context(chain.context) as context:
        place = {"project_id": chain.project, "location": "us-central1"}
        assert [found.id for found in context.clients.dataflow_jobs.list_jobs(request=place)] == [job]
    assert results[0]["data_dir"] == results[1]["data_dir"]
    assert sum(results[0]["records"].values()) == 10
