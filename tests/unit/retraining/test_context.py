"""Names that are made from a DAG run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.utils.types import DagRunType
from hypothesis import given
from hypothesis import strategies as st

from retraining.context import Run

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def run(run_id: str, dag_id: str = "flowers_training", data_until: datetime = NOON) -> Run:
    return Run(dag_id=dag_id, run_id=run_id, data_until=data_until)


def test_slug_is_readable_and_always_the_same() -> None:
    slug = run("manual__2026-01-31T12:00:00+00:00").slug
    assert slug == run("manual__2026-01-31T12:00:00+00:00").slug
    assert re.fullmatch(r"manual-2026-01-31t12-00-00-00-00-[0-9a-f]{8}", slug)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (run("a b"), run("a-b")),
        (run("manual__1"), run("manual__1", dag_id="census_training")),
        (run("x" * 60 + "1"), run("x" * 60 + "2")),
    ],
)
def test_slug_of_distinct_runs_is_distinct(one: Run, other: Run) -> None:
    assert one.slug != other.slug


@given(st.text(min_size=1, max_size=250))
def test_slug_of_any_run_id_fits_a_label_and_a_path(run_id: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]{1,49}", run(run_id).slug)


def dag_run(run_type: str, **times: datetime) -> SimpleNamespace:
    absent = {"logical_date": None, "data_interval_end": None, "run_after": NOON + timedelta(days=3)}
    return SimpleNamespace(dag_id="d", run_id="r", run_type=run_type, **{**absent, **times})


@pytest.mark.parametrize("run_type", ["scheduled", "backfill", DagRunType.BACKFILL_JOB])
def test_from_context_of_a_run_of_an_interval_takes_its_end(run_type: str) -> None:
    found = Run.from_context({"dag_run": dag_run(run_type, data_interval_end=NOON)})
    assert (found.data_until, found.has_data_interval) == (NOON, True)


@pytest.mark.parametrize(
    ("times", "data_until"),
    [
        ({}, NOON + timedelta(days=3)),
        ({"logical_date": NOON}, NOON),
        ({"logical_date": NOON, "data_interval_end": NOON - timedelta(days=30)}, NOON),
    ],
)
def test_from_context_of_a_run_by_hand_takes_when_it_is_for_or_was_asked_for(
    times: dict[str, datetime], data_until: datetime
) -> None:
    found = Run.from_context({"dag_run": dag_run("manual", **times)})
    assert (found.data_until, found.has_data_interval) == (data_until, False)


def test_from_context_of_a_run_that_an_asset_triggered_is_of_no_interval() -> None:
    found = Run.from_context({"dag_run": dag_run("asset_triggered", data_interval_end=NOON)})
    assert (found.data_until, found.has_data_interval) == (NOON, False)


@pytest.mark.parametrize(
    ("run_type", "is_automatic"),
    [("scheduled", True), ("asset_triggered", True), ("backfill", False), ("manual", False)],
)
def test_from_context_knows_whether_somebody_asked_for_the_run(run_type: str, *, is_automatic: bool) -> None:
    assert Run.from_context({"dag_run": dag_run(run_type)}).is_automatic == is_automatic
