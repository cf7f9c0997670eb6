"""Backfill plan of a running deployment: its Airflow, bucket, source and tiers.

Airflow is read as the `airflow` command reads it, from the installation that the environment names.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contract import DatasetSpec
from contract.artifacts import DatasetInfo
from retraining.context import GoogleServices
from retraining.dag import build_training_dag
from retraining.errors import ConfigurationError
from retraining.params import SOURCE, SPOT, TIER
from retraining.plan import Reprocess, ScheduledRun, plan
from retraining.plan.runs import CONVERT, PastRun, Plan, format_time
from retraining.source import Objects, Source
from retraining.source_access import open_source
from retraining.tiers import find_tier

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow.sdk import DAG
    from sqlalchemy.orm import Session

    from contract.naming import DatasetNames
    from retraining.google.storage import Storage


@dataclass(frozen=True, kw_only=True)
class BackfillRequest:
    """Parameters of a backfill.

    Attributes:
        since: the first logical date; Airflow takes a date as its midnight, UTC.
        until: the last logical date, inclusive.
        source: a folder or a `gs://` URI in place of the spec's; empty for the spec's.
        tier: in place of the spec's; empty for the spec's.
        spot: train on Spot VMs.
        reprocess: existing runs to repeat.
        parallel: number of runs at a time, at most the spec's own limit; 0 for that limit.
    """

    since: datetime
    until: datetime
    source: str = ""
    tier: str = ""
    spot: bool = False
    reprocess: Reprocess = "none"
    parallel: int = 0


def plan_backfill(
    spec: DatasetSpec,
    request: BackfillRequest,
    services: GoogleServices,
    session: Session,
    *,
    reads_files: bool = True,
) -> Plan:
    """Plan a backfill without starting anything.

    Args:
        spec: the dataset.
        request: the backfill's parameters.
        services: the deployment, with its bucket.
        session: of Airflow's database.
        reads_files: True to read the files of a folder for their checksums. Otherwise they are taken for
            those of a snapshot in the bucket that have the same names and sizes.

    Raises:
        ConfigurationError: the dataset has no schedule, the times are in the wrong order, there is no such
            tier, or the source or Airflow's database can't be read.
    """
    dag = build_training_dag(spec)
    settings, storage = services.settings, services.storage
    tiers = settings.tiers
    tier = find_tier(request.tier or spec.training.tier, tiers)
    source = open_source(spec, request.source, settings, storage)
    schedule = scheduled_runs(dag, since=request.since, until=request.until, now=datetime.now(UTC))
    return plan(
        spec,
        dag_id=dag.dag_id,
        schedule=schedule,
        history=past_runs(dag.dag_id, spec, session),
        source=source,
        snapshot_of=None if reads_files else _snapshot_by_sizes(source, services.names(spec.name), storage),
        is_converted=_converted_keys(services.names(spec.name), storage).__contains__,
        tiers=tiers,
        tier=tier,
        spot=request.spot,
        reprocess=request.reprocess,
        parallel=min(request.parallel or spec.max_active_runs, spec.max_active_runs),
    )


def _converted_keys(names: DatasetNames, storage: Storage) -> set[str]:
    """Return the keys whose records are committed: one listing, however many runs there are."""
    parent = names.tfrecord_folder("").rstrip("/") + "/"
    return {name.partition("/")[0] for name in storage.matching(parent, f"*/{DatasetInfo.FILENAME}")}


def _snapshot_by_sizes(
    source: Source, names: DatasetNames, storage: Storage
) -> Callable[[Collection[str]], str | None] | None:
    """Return the function that finds the snapshot of files by their names and sizes; None for objects."""
    if isinstance(source, Objects):
        return None  # their checksums are known
    snapshots: dict[str, dict[str, int]] = {}
    for found in storage.list(names.raw_folder("").removesuffix("/")):
        snapshot, _, name = found.name.partition("/")
        snapshots.setdefault(snapshot, {})[name] = found.size
    by_content = {frozenset(sizes.items()): snapshot for snapshot, sizes in snapshots.items()}
    return lambda chosen: by_content.get(frozenset(source.sizes(chosen).items()))


def airflow_command(spec: DatasetSpec, request: BackfillRequest, planned: Plan) -> str:
    """Return the `airflow backfill create` command of a plan."""
    defaults = {SOURCE: spec.source, TIER: spec.training.tier, SPOT: False}
    requested = {SOURCE: request.source, TIER: request.tier, SPOT: request.spot}
    conf = {name: value for name, value in requested.items() if value and value != defaults[name]}
    options = {
        "--dag-id": planned.dag_id,
        "--from-date": format_time(request.since),
        "--to-date": format_time(request.until),
        "--reprocess-behavior": request.reprocess,
        "--max-active-runs": str(planned.parallel),
        **({"--dag-run-conf": json.dumps(conf)} if conf else {}),
    }
    return shlex.join(["airflow", "backfill", "create", *(word for pair in options.items() for word in pair)])


def scheduled_runs(dag: DAG, *, since: datetime, until: datetime, now: datetime) -> list[ScheduledRun]:
    """Return the runs that Airflow's backfill creates, oldest first.

    Their logical dates are neither before `since` nor after `until`, and their intervals are over.

    Raises:
        ConfigurationError: the DAG has no cron schedule, or the times are in the wrong order.
    """
    from airflow.models.dagrun import DagRun
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.types import DagRunType

    if until < since:
        raise ConfigurationError(
            f"to: expected a time not before {format_time(since)}, received {format_time(until)}"
        )
    if since >= now:
        raise ConfigurationError(f"from: expected a time in the past, received {format_time(since)}")
    # The intervals come from the scheduler's form of the DAG.
    serialized = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    if not serialized.timetable.periodic:
        raise ConfigurationError(
            f"schedule: expected a cron expression, without which {dag.dag_id} has no intervals to backfill, "
            f"received {serialized.timetable.summary}"
        )
    return [
        ScheduledRun(
            run_id=DagRun.generate_run_id(
                run_type=DagRunType.BACKFILL_JOB, logical_date=info.logical_date, run_after=info.run_after
            ),
            logical_date=_utc(info.logical_date),
            start=_utc(info.data_interval.start),
            end=_utc(info.data_interval.end),
        )
        for info in serialized.iter_dagrun_infos_between(since, until)
        if info.data_interval.end < now
    ]


def past_runs(dag_id: str, spec: DatasetSpec, session: Session) -> list[PastRun]:
    """Return the existing runs of a DAG, oldest first.

    Args:
        dag_id: the DAG.
        spec: its dataset; a run without a tier of its own used the spec's.
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
            tier=str((run.conf or {}).get(TIER) or spec.training.tier),
            converted=converted.get(run.run_id) is True,
            seconds=seconds.get(run.run_id, {}),
        )
        for run in runs
    ]


def _utc(time: datetime) -> datetime:
    return datetime.fromtimestamp(time.timestamp(), UTC)
