"""Names that are made from a DAG run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retraining.run import Run

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


def test_data_until_label_sorts_as_the_times_do() -> None:
    east = timezone(timedelta(hours=9))
    earlier = run("a", data_until=NOON.astimezone(east)).data_until_label
    later = run("b", data_until=NOON + timedelta(seconds=1)).data_until_label
    assert earlier == "20260131t120000z"
    assert earlier < later


def test_from_context_of_a_run_without_an_interval_takes_when_it_was_asked_for() -> None:
    dag_run = SimpleNamespace(dag_id="d", run_id="r", data_interval_end=None, run_after=NOON)
    assert Run.from_context({"dag_run": dag_run}) == run("r", dag_id="d")


def test_from_context_of_a_backfill_takes_the_end_of_its_interval() -> None:
    dag_run = SimpleNamespace(
        dag_id="d", run_id="r", data_interval_end=NOON, run_after=NOON + timedelta(days=3)
    )
    assert Run.from_context({"dag_run": dag_run}).data_until == NOON
