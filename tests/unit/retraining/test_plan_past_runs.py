"""What earlier runs were like, as Airflow's database has it."""

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
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from retraining.errors import ConfigurationError
from retraining.plan.airflow_runs import past_runs

SPEC: Any = SimpleNamespace(training=SimpleNamespace(tier="BASIC"))
JANUARY = datetime(2019, 1, 1, tzinfo=UTC)


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
