"""The whole demo: stack, data, run, and a question to production."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from local import source
from local.airflow_client import AirflowClient, TaskInstance
from local.console import console
from local.demo.outcome import Outcome
from local.demo.prediction import Prediction, ask
from local.demo.report import Report, task_seconds
from local.demo.run_table import RunTable
from local.golden import GOLDEN_FILENAME, GoldenRecord
from local.home import Home
from local.stack import Stack

_LOG_LINES = 25


def run(home: Home, *, dataset: str, data: str | None, parameters: Mapping[str, Any]) -> Report:
    """Start what doesn't run, take the dataset the whole way, stop what was started.

    Args:
        home: the stack's.
        dataset: its DAG is `<dataset>_training`.
        data: a folder or gs:// URI; `None` for the dataset's sample.
        parameters: of the run, besides the source.

    Raises:
        StackError: the stack does not start, or there is no such data or dataset.
    """
    stack = Stack(home)
    home.create()
    home.demo_report.unlink(missing_ok=True)
    raw = source.given(data) if data else source.sample(dataset, home)
    was_up = stack.up(tensorboard=False)
    try:
        report = follow(stack, dataset, raw, parameters)
    finally:
        if not was_up:
            console.print("stopping what was started")
            stack.down()
    report.write(home)
    return report


def follow(stack: Stack, dataset: str, raw: source.Source, parameters: Mapping[str, Any]) -> Report:
    """Trigger a run, watch it to its end, and ask production if it promoted.

    Raises:
        StackError: there is no such DAG, or Airflow refuses the parameters.
    """
    dag_id = f"{dataset}_training"
    with AirflowClient(stack.ports.airflow_url) as airflow:
        airflow.unpause(dag_id)
        began = time.monotonic()
        run_id = airflow.trigger(dag_id, {"source": raw.uri, **parameters})
        console.print(f"{dag_id} {run_id}: {raw.description} from {raw.uri}", markup=False, soft_wrap=True)
        try:
            with RunTable(airflow, dag_id, run_id) as table:
                state, tasks = table.watch()
        except KeyboardInterrupt:
            # Airflow would go on with it when it is started again.
            airflow.fail_run(dag_id, run_id)
            raise
        seconds = round(time.monotonic() - began, 2)
        if state != "success":
            _show_failures(airflow, dag_id, run_id, tasks)
        outcome = Outcome.of(airflow, dag_id, run_id, stack.home)
    return Report(
        dag_id=dag_id,
        run_id=run_id,
        state=state,
        promoted=outcome.promoted,
        reasons=outcome.reasons,
        source=raw,
        seconds=seconds,
        tasks=task_seconds(tasks, table.notes),
        model=outcome.model,
        version=outcome.version,
        evaluation=outcome.evaluation,
        prediction=_ask_production(stack, outcome) if outcome.promoted else None,
    )


def _ask_production(stack: Stack, outcome: Outcome) -> Prediction:
    record = next(GoldenRecord.read(outcome.run_folder / GOLDEN_FILENAME))
    labels = outcome.evaluation.labels if outcome.evaluation else ()
    response = ask(stack.ports, outcome.endpoint, record)
    return Prediction.of(outcome.endpoint, record, response, labels, stack.home)


def _show_failures(airflow: AirflowClient, dag_id: str, run_id: str, tasks: Sequence[TaskInstance]) -> None:
    for task in tasks:
        if task.state == "failed":
            console.print(f"== {task.task_id} failed; the end of its log:", style="red")
            for line in airflow.log(dag_id, run_id, task.task_id, task.try_number)[-_LOG_LINES:]:
                console.print(str(line), markup=False, soft_wrap=True)
