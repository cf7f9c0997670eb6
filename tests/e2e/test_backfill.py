"""Backfills through a real scheduler: what a plan says of them beforehand, and what they leave behind.

`BACKFILL_MONTHS=12` is a year of them, of which half is converted before.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from local.airflow_client import AirflowClient
from local.stack import Stack
from stack_api import StackApi

MONTHS = int(os.environ.get("BACKFILL_MONTHS", "6"))
HALF = MONTHS // 2

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]

SPEC = '''\
"""Trips: a month of data in each file, and runs that see one month each."""

from retraining.dag import build_training_dag

import contract as dc

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="trips",
        record_format="csv",
        csv=dc.CsvFormat(),
        features=(dc.number("miles", minimum=0), dc.target("fare", minimum=0)),
    ),
    source="trips",
    schedule="0 0 1 * *",
    partition="trips_%Y-%m.csv",
    window="P1M",
    training=dc.TrainingSpec(
        arguments={"model": "regression", "train_steps": 100, "base_learning_rate": 0.01}
    ),
    gate=dc.GateSpec(
        metric="rmse", direction="lower", threshold=1000.0, baseline_margin=-1000.0, production_margin=1000.0,
        min_examples=1,
    ),
)

dag = build_training_dag(SPEC)
'''


@pytest.fixture(scope="module")
def trips(stack: Stack, add_dag: Callable[[str, str], None]) -> str:
    """A dataset of small months, and its DAG."""
    folder = stack.paths.samples / "trips"
    folder.mkdir()
    draw = random.Random(0)
    for month in range(1, MONTHS + 1):
        with (folder / f"trips_2019-{month:02}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["miles", "fare"])
            for _ in range(200):
                miles = draw.uniform(1, 20)
                writer.writerow([f"{miles:.2f}", f"{2.5 * miles + draw.gauss(3, 0.1):.2f}"])
    add_dag("trips_training", SPEC)
    with AirflowClient(stack.ports.airflow_url) as airflow:
        # Not before the end of all this would the schedule's own runs have a place.
        airflow.unpause("trips_training")
    return "trips_training"


def plan(stack: Stack, dags: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "retraining.plan", *arguments, "--dags", str(dags), "--json"]
    script = f"set -a; . {shlex.quote(str(stack.paths.environment_file))}; exec {shlex.join(command)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_backfill_of_months_of_which_half_are_converted_starts_the_jobs_of_its_plan(
    stack: Stack, dags_folder: Path, api: StackApi, trips: str
) -> None:
    middle, end = f"2019-{HALF:02}-01", f"2019-{MONTHS:02}-01"
    half = {"from_date": "2019-01-01T00:00:00Z", "to_date": f"{middle}T00:00:00Z", "max_active_runs": 3}
    states = api.backfill(trips, **half)
    assert [states[f"2019-{month:02}-01"] for month in range(1, HALF + 1)] == ["success"] * HALF
    assert api.dataflow_jobs("trips") == HALF

    year = ("trips", "--from", "2019-01-01", "--to", end)
    left = plan(stack, dags_folder, *year)
    planned = plan(stack, dags_folder, *year, "--reprocess", "completed", "--max-active-runs", "3")
    whole = {**half, "to_date": f"{end}T00:00:00Z"}
    made = [run["start"][:10] for run in left["runs"] if run["action"] == "create"]
    assert made == api.dry_run(trips, **whole)
    assert left["summary"].startswith(f"{HALF} runs: {HALF} left as they are, {HALF} Dataflow jobs; about ")
    assert planned["summary"].startswith(
        f"{MONTHS} runs: {HALF} already converted, {HALF} Dataflow jobs; about "
    )
    assert planned["estimates"][0]["dollars"] > 0

    states = api.backfill(trips, **whole, reprocess_behavior="completed")
    assert [states[f"2019-{month:02}-01"] for month in range(1, MONTHS + 1)] == ["success"] * MONTHS
    assert api.dataflow_jobs("trips") - HALF == planned["dataflow_jobs"] == MONTHS - HALF

    assert len(api.versions("trips")) == MONTHS
    assert api.version_in_production("trips") == api.version_on_the_newest_data("trips")


def test_run_whose_month_is_late_waits_and_goes_on_when_it_is_there(
    stack: Stack, api: StackApi, add_dag: Callable[[str, str], None]
) -> None:
    folder = stack.paths.samples / "late_trips"
    folder.mkdir()
    (folder / "trips_2019-01.csv").write_text("miles,fare\n1,5\n")
    late = SPEC.replace('name="trips"', 'name="late_trips"').replace('source="trips"', 'source="late_trips"')
    add_dag("late_trips_training", late.replace('window="P1M"', 'max_data_delay="P2M"'))
    with AirflowClient(stack.ports.airflow_url) as airflow:
        airflow.unpause("late_trips_training")
    run_id = scheduled_run(api, "late_trips_training")
    upload = f"/api/v2/dags/late_trips_training/dagRuns/{quote(run_id)}/taskInstances/upload_data"
    wait_for(lambda: api.get(upload)["state"] == "up_for_reschedule")

    last_month = datetime.now(UTC).replace(day=1) - timedelta(days=1)
    (folder / f"trips_{last_month:%Y-%m}.csv").write_text("miles,fare\n2,10\n")
    wait_for(lambda: api.get(upload)["state"] == "success")
    with AirflowClient(stack.ports.airflow_url) as airflow:
        airflow.fail_run("late_trips_training", run_id)


def scheduled_run(api: StackApi, dag_id: str) -> str:
    wait_for(lambda: bool(api.runs(dag_id)))
    (run,) = api.runs(dag_id)
    assert run["run_type"] == "scheduled"
    return str(run["dag_run_id"])


def wait_for(condition: Callable[[], bool], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(1)
