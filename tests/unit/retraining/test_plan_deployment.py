"""Scheduled runs of a DAG's timetable, and earlier runs in Airflow's database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models import import_all_models
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.tasklog import LogTemplate
from airflow.models.xcom import XComModel
from airflow.sdk import DAG, CronDataIntervalTimetable
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from retraining.errors import ConfigurationError
from retraining.plan.deployment import past_runs, scheduled_runs

SPEC: Any = SimpleNamespace(training=SimpleNamespace(tier="BASIC"))
JANUARY = datetime(2019, 1, 1, tzinfo=UTC)
NOW = datetime(2019, 3, 15, tzinfo=UTC)
MONTHLY = DAG("monthly", schedule=CronDataIntervalTimetable("0 0 1 * *", "UTC"))


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    with Session(engine) as session:
        yield session
    engine.dispose()


def with_runs(session: Session) -> None:
    import_all_models()  # the tables refer to those of others
    for model in (DagRun, LogTemplate, TaskInstance, XComModel):
        model.__table__.create(session.connection())
    for number, (state, conf) in enumerate([("success", {"tier": "L4"}), ("failed", None)]):
        run_id = f"run__{number}"
        fields = {"dag_id": "trips_training", "run_id": run_id, "state": state, "run_type": "backfill"}
        moment = JANUARY.replace(month=number + 1)
        session.execute(
            insert(DagRun).values(
                **fields, logical_date=moment, run_after=moment, start_date=moment, conf=conf
            )
        )
    for task_id, state, seconds in [("train", "success", 40.0), ("promote", "failed", 2.0)]:
        fields = {"dag_id": "trips_training", "run_id": "run__0", "task_id": task_id, "state": state}
        session.execute(
            insert(TaskInstance).values(**fields, duration=seconds, pool="default_pool", pool_slots=1)
        )
    key = {"dag_id": "trips_training", "run_id": "run__0", "task_id": "convert_to_tfrecord"}
    session.execute(insert(XComModel).values(**key, dag_run_id=1, key="converted", value=True))


def test_past_runs_have_tier_state_seconds_and_whether_they_converted(session: Session) -> None:
    with_runs(session)
    good, bad = past_runs("trips_training", SPEC, session)
    assert (good.run_id, good.state, good.tier, good.converted) == ("run__0", "success", "L4", True)
    assert (good.logical_date, dict(good.seconds)) == (JANUARY, {"train": 40.0})
    assert (bad.state, bad.tier, bad.converted, dict(bad.seconds)) == ("failed", "BASIC", False, {})


def test_past_runs_of_another_dag_are_none(session: Session) -> None:
    with_runs(session)
    assert past_runs("flowers_training", SPEC, session) == []


def test_past_runs_without_airflows_tables_name_the_setting(session: Session) -> None:
    with pytest.raises(ConfigurationError, match=r"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: .*no such table"):
        past_runs("trips_training", SPEC, session)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def found(since: str, until: str, dag: DAG = MONTHLY) -> list[tuple[datetime, datetime]]:
    return [(one.start, one.end) for one in scheduled_runs(dag, since=day(since), until=day(until), now=NOW)]


def test_scheduled_runs_of_months_are_those_that_are_over() -> None:
    assert found("2019-01-01", "2019-12-31") == [
        (day("2019-01-01"), day("2019-02-01")),
        (day("2019-02-01"), day("2019-03-01")),
    ]


def test_scheduled_runs_until_a_day_hold_the_one_that_begins_with_its_midnight() -> None:
    assert len(found("2018-01-01", "2018-03-01")) == 3
    assert len(found("2018-01-02", "2018-03-31")) == 2


def test_scheduled_runs_have_the_run_ids_of_a_backfill() -> None:
    (one,) = scheduled_runs(MONTHLY, since=day("2019-01-01"), until=day("2019-01-31"), now=NOW)
    assert one.run_id.startswith("backfill__2019-02-01")
    assert one.logical_date == day("2019-01-01")


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("2019-02-01", "2019-01-01", "to: expected a time not before 2019-02-01.*, received 2019-01-01"),
        ("2019-04-01", "2019-05-01", "from: expected a time in the past, received 2019-04-01"),
    ],
)
def test_scheduled_runs_of_impossible_times_name_the_field(since: str, until: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        found(since, until)


def test_scheduled_runs_of_a_dag_without_schedule_say_what_is_lacking() -> None:
    with pytest.raises(
        ConfigurationError, match="schedule: expected a cron expression, without which by_hand"
    ):
        found("2019-01-01", "2019-02-01", DAG("by_hand", schedule=None))
