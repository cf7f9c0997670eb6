"""The run of a task's context."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.utils.types import DagRunType

from contract.naming import run_slug
from retraining.context import Run

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_slug_is_of_dag_and_run() -> None:
    found = Run(dag_id="flowers_training", run_id="manual__1", data_until=NOON)
    assert found.slug == run_slug("flowers_training", "manual__1")


def dag_run(run_type: str, **times: datetime) -> SimpleNamespace:
    absent = {"logical_date": None, "data_interval_end": None, "run_after": NOON + timedelta(days=3)}
    return SimpleNamespace(dag_id="d", run_id="r", run_type=run_type, clear_number=0, **{**absent, **times})


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


@pytest.mark.parametrize("run_type", ["asset_triggered", "operator_triggered"])
def test_from_context_of_a_run_that_an_event_or_a_dag_triggered_is_of_no_interval(run_type: str) -> None:
    before = NOON - timedelta(days=5)
    triggered = dag_run(run_type, data_interval_end=before, run_after=NOON)
    found = Run.from_context({"dag_run": triggered})
    assert (found.data_until, found.has_data_interval) == (NOON, False)


def test_from_context_of_a_run_dated_in_the_future_ends_now() -> None:
    found = Run.from_context({"dag_run": dag_run("manual", logical_date=datetime(2099, 1, 1, tzinfo=UTC))})
    assert abs(found.data_until - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("run_type", "is_automatic"),
    [("scheduled", True), ("asset_triggered", True), ("backfill", False), ("manual", False)],
)
def test_from_context_knows_whether_somebody_asked_for_the_run(run_type: str, *, is_automatic: bool) -> None:
    assert Run.from_context({"dag_run": dag_run(run_type)}).is_automatic == is_automatic
