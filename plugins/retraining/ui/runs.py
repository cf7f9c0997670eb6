"""DAG runs in Airflow's database, with their task instances and XComs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import select

from retraining.context import Run

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TASK_ORDER = (
    "upload_data",
    "convert_to_tfrecord",
    "tune",
    "train",
    "validate_export",
    "create_model_version",
    "smoke_predict",
    "approve",
    "promote",
)
"""Order of tasks that have not started."""

RETURN_VALUE = "return_value"


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """One task of a run.

    Attributes:
        task_id: its name.
        state: Airflow's state; `none` before it is scheduled.
        started: start of its last try.
        ended: end of its last try.
        tries: number of tries.
        outputs: its XComs by key, without the return value.
    """

    task_id: str
    state: str
    started: datetime | None
    ended: datetime | None
    tries: int
    outputs: Mapping[str, Any]

    @property
    def seconds(self) -> float | None:
        """Duration of its last try, so far if it is running; `None` before its start."""
        if self.started is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def note(self) -> str:
        """Summary of the task, for people."""
        return str(self.outputs.get("note") or "")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run of one DAG.

    Attributes:
        run: its identity.
        state: Airflow's state.
        run_type: `manual` for instance.
        run_after: earliest start, as Airflow has it.
        started: start of its first task.
        ended: end of the run.
        tasks: in the order of their start.
    """

    run: Run
    state: str
    run_type: str
    run_after: datetime
    started: datetime | None
    ended: datetime | None
    tasks: tuple[TaskRecord, ...]

    @property
    def seconds(self) -> float | None:
        """Duration of the run, so far if it is running; `None` before its start."""
        if self.started is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    def outputs(self, task_id: str) -> Mapping[str, Any]:
        """Return the XComs of a task; empty if it has none."""
        return next((task.outputs for task in self.tasks if task.task_id == task_id), {})


def read_run(session: Session, dag_id: str, run_id: str) -> RunRecord | None:
    """Read one run with its tasks; `None` if there is no such run."""
    found = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    if found is None:
        return None
    key = {"dag_id": dag_id, "run_id": run_id}
    outputs: dict[str, dict[str, Any]] = {}
    for row in session.scalars(select(XComModel).filter_by(**key, map_index=-1)):
        if row.key != RETURN_VALUE:
            outputs.setdefault(row.task_id, {})[row.key] = XComModel.deserialize_value(row)
    tasks = [
        TaskRecord(
            task_id=task.task_id,
            state=str(task.state or "none"),
            started=task.start_date,
            ended=task.end_date,
            tries=task.try_number,
            outputs=outputs.get(task.task_id, {}),
        )
        for task in session.scalars(select(TaskInstance).filter_by(**key))
    ]
    return RunRecord(
        run=_run(dag_id, run_id, found.run_after),
        state=str(found.state),
        run_type=str(found.run_type),
        run_after=found.run_after,
        started=found.start_date,
        ended=found.end_date,
        tasks=tuple(sorted(tasks, key=_sort_key)),
    )


def read_run_ids(session: Session, dag_id: str) -> Mapping[str, str]:
    """Return the ids of a DAG's runs by their slugs, to which versions of its model refer."""
    runs = session.execute(select(DagRun.run_id, DagRun.run_after).where(DagRun.dag_id == dag_id))
    return {_run(dag_id, run_id, run_after).slug: run_id for run_id, run_after in runs}


def _run(dag_id: str, run_id: str, run_after: datetime) -> Run:
    return Run(dag_id=dag_id, run_id=run_id, data_until=run_after)


def _sort_key(task: TaskRecord) -> tuple[int, float, str]:
    """Return the start of a task; tasks that have not started follow in `TASK_ORDER`."""
    if task.started is not None:
        return -1, task.started.timestamp(), task.task_id
    position = TASK_ORDER.index(task.task_id) if task.task_id in TASK_ORDER else len(TASK_ORDER)
    return position, 0.0, task.task_id
