"""What Airflow knows of a run: its steps, and what each of them came to."""

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

CHAIN = (
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
"""The order of steps that have not begun."""

RETURN_VALUE = "return_value"


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One task of a run.

    Attributes:
        task_id: its name.
        state: Airflow's word for how it stands; `none` before it is scheduled.
        began: the start of its last try.
        ended: the end of that.
        tries: how many there were.
        result: what the step left for others, by name.
    """

    task_id: str
    state: str
    began: datetime | None
    ended: datetime | None
    tries: int
    result: Mapping[str, Any]

    @property
    def seconds(self) -> float | None:
        """How long its last try took, or has taken so far."""
        if self.began is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.began).total_seconds()

    @property
    def note(self) -> str:
        """What the step says of itself, for people."""
        return str(self.result.get("note") or "")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run of one DAG.

    Attributes:
        run: its identity.
        state: Airflow's word for how it stands.
        kind: what began it, `manual` for instance.
        asked: when it was asked for.
        began: when its first task could start.
        ended: when it was over.
        steps: its tasks in the order of the chain.
    """

    run: Run
    state: str
    kind: str
    asked: datetime
    began: datetime | None
    ended: datetime | None
    steps: tuple[StepRecord, ...]

    @property
    def seconds(self) -> float | None:
        """How long the run took, or has taken so far."""
        if self.began is None:
            return None
        return ((self.ended or datetime.now(UTC)) - self.began).total_seconds()

    def result(self, task_id: str) -> Mapping[str, Any]:
        """What a step left; nothing before it has ended well."""
        return next((step.result for step in self.steps if step.task_id == task_id), {})


def read_run(session: Session, dag_id: str, run_id: str) -> RunRecord | None:
    """One run with its steps; `None` if there is no such run."""
    found = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    if found is None:
        return None
    of_run = {"dag_id": dag_id, "run_id": run_id}
    results: dict[str, dict[str, Any]] = {}
    for row in session.scalars(select(XComModel).filter_by(**of_run, map_index=-1)):
        if row.key != RETURN_VALUE:
            results.setdefault(row.task_id, {})[row.key] = XComModel.deserialize_value(row)
    steps = [
        StepRecord(
            task_id=task.task_id,
            state=str(task.state or "none"),
            began=task.start_date,
            ended=task.end_date,
            tries=task.try_number,
            result=results.get(task.task_id, {}),
        )
        for task in session.scalars(select(TaskInstance).filter_by(**of_run))
    ]
    return RunRecord(
        run=_identity(dag_id, run_id, found.run_after),
        state=str(found.state),
        kind=str(found.run_type),
        asked=found.run_after,
        began=found.start_date,
        ended=found.end_date,
        steps=tuple(sorted(steps, key=_place)),
    )


@dataclass(frozen=True, kw_only=True)
class Promotions:
    """The runs of one DAG, as versions of its model refer to them.

    Attributes:
        run_ids: the id of each run by its slug.
        promoted: the slugs of the runs that put their version into production.
    """

    run_ids: Mapping[str, str]
    promoted: frozenset[str]


def read_promotions(session: Session, dag_id: str) -> Promotions:
    """Which runs a DAG had, and which of them promoted."""
    slugs = {
        run_id: _identity(dag_id, run_id, run_after).slug
        for run_id, run_after in session.execute(
            select(DagRun.run_id, DagRun.run_after).where(DagRun.dag_id == dag_id)
        )
    }
    said = select(XComModel).filter_by(dag_id=dag_id, task_id="promote", key="promoted", map_index=-1)
    promoted = {row.run_id for row in session.scalars(said) if XComModel.deserialize_value(row) is True}
    return Promotions(
        run_ids={slug: run_id for run_id, slug in slugs.items()},
        promoted=frozenset(slugs[run_id] for run_id in promoted if run_id in slugs),
    )


def _identity(dag_id: str, run_id: str, asked: datetime) -> Run:
    return Run(dag_id=dag_id, run_id=run_id, data_until=asked)


def _place(step: StepRecord) -> tuple[int, float, str]:
    """Steps that have begun by their time; the others follow in the order of the chain."""
    if step.began is not None:
        return -1, step.began.timestamp(), step.task_id
    known = CHAIN.index(step.task_id) if step.task_id in CHAIN else len(CHAIN)
    return known, 0.0, step.task_id
