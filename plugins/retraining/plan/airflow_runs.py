"""What Airflow knows: the intervals of a DAG's timetable, and its runs so far.

Read as the `airflow` command reads them, from the installation that the environment names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from contract import DatasetSpec
from retraining.errors import ConfigurationError
from retraining.params import TIER
from retraining.plan.past import CONVERT, PastRun
from retraining.plan.planner import Interval
from retraining.plan.times import time_text

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from sqlalchemy.orm import Session


def intervals(dag: DAG, *, since: datetime, until: datetime, now: datetime) -> list[Interval]:
    """The intervals that a backfill of Airflow makes runs for.

    Those whose logical date is neither before `since` nor after `until`, and that are over.

    Raises:
        ConfigurationError: the DAG has no schedule of its own, or the times are in the wrong order.
    """
    from airflow.models.dagrun import DagRun
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.types import DagRunType

    if until < since:
        raise ConfigurationError(
            f"to: expected a time not before {time_text(since)}, received {time_text(until)}"
        )
    if since >= now:
        raise ConfigurationError(f"from: expected a time in the past, received {time_text(since)}")
    # The scheduler's form of the DAG is what Airflow asks for intervals.
    scheduled = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    if not scheduled.timetable.periodic:
        raise ConfigurationError(
            f"schedule: expected a cron expression, without which {dag.dag_id} has no intervals to backfill, "
            f"received {scheduled.timetable.summary}"
        )
    return [
        Interval(
            run_id=DagRun.generate_run_id(
                run_type=DagRunType.BACKFILL_JOB, logical_date=info.logical_date, run_after=info.run_after
            ),
            logical_date=_utc(info.logical_date),
            start=_utc(info.data_interval.start),
            end=_utc(info.data_interval.end),
        )
        for info in scheduled.iter_dagrun_infos_between(since, until)
        if info.data_interval.end < now
    ]


def past_runs(dag_id: str, spec: DatasetSpec, session: Session) -> list[PastRun]:
    """The runs of a DAG so far, oldest first.

    Args:
        dag_id: the DAG.
        spec: its dataset, whose tier a run has that was not asked for another.
        session: of Airflow's database.

    Raises:
        ConfigurationError: there is no such database, or it can't be read.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return _past_runs(dag_id, spec, session)
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: expected Airflow's database, received {error}"
        ) from error


def _past_runs(dag_id: str, spec: DatasetSpec, session: Session) -> list[PastRun]:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    runs = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.start_date)).all()
    seconds: dict[str, dict[str, float]] = {}
    tasks = select(TaskInstance.run_id, TaskInstance.task_id, TaskInstance.duration).where(
        TaskInstance.dag_id == dag_id, TaskInstance.state == "success", TaskInstance.duration.is_not(None)
    )
    for run_id, task_id, duration in session.execute(tasks):
        seconds.setdefault(run_id, {})[task_id] = duration
    conversions = select(XComModel.run_id, XComModel.value).where(
        XComModel.dag_id == dag_id, XComModel.task_id == CONVERT, XComModel.key == "converted"
    )
    converted = {row.run_id: XComModel.deserialize_value(row) for row in session.execute(conversions)}
    return [
        PastRun(
            run_id=run.run_id,
            logical_date=run.logical_date and _utc(run.logical_date),
            state=str(run.state),
            tier=_tier(run.conf, spec),
            converted=converted.get(run.run_id) is True,
            seconds=seconds.get(run.run_id, {}),
        )
        for run in runs
    ]


def _tier(conf: Mapping[str, Any] | None, spec: DatasetSpec) -> str:
    return str((conf or {}).get(TIER) or spec.training.tier)


def _utc(time: datetime) -> datetime:
    return datetime.fromtimestamp(time.timestamp(), UTC)
