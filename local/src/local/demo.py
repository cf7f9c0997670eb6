"""One dataset from raw data to a served model, watched at the terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from contract import ContractError
from contract.artifacts import GateResult, GoldenRequest
from contract.naming import dag_id, split_uri
from local import StackError, sources
from local.accounts import PROJECT, OwnerLogin
from local.airflow_client import AirflowClient, TaskInstance
from local.console import RunTable, console
from local.environment import REGION, SOURCE_PREFIXES_VARIABLE, source_prefixes
from local.paths import StackPaths
from local.report import Report, ServedPrediction, task_summaries
from local.results import EvaluationSummary
from local.sources import Source
from local.stack import Stack

_LOG_LINES = 25
_PREDICT_TIMEOUT_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Results of a run; empty where it didn't get so far.

    Attributes:
        folder: the run's folder of the bucket.
        promoted: True if its version is in production.
        endpoint: id of the production endpoint; empty where the run did not get so far.
        reasons: sentences of the gate.
        model: resource name of the model.
        version: the version that the run made.
        evaluation: of that version; `None` where it was not trained.
    """

    folder: Path
    promoted: bool
    endpoint: str
    reasons: Sequence[str]
    model: str | None
    version: str | None
    evaluation: EvaluationSummary | None

    @classmethod
    def read(cls, airflow: AirflowClient, dag: str, run_id: str, paths: StackPaths) -> RunResult:
        """Return the results of a run, as far as it got."""
        trained = airflow.xcom(dag, run_id, "train") or {}
        registered = airflow.xcom(dag, run_id, "create_model_version") or {}
        promotion = airflow.xcom(dag, run_id, "promote") or {}
        job = trained.get("job_dir")
        folder = Path(paths.buckets, *split_uri(job)) if job else paths.buckets
        return cls(
            folder=folder,
            promoted=bool(promotion.get("promoted", False)),
            endpoint=promotion.get("endpoint", ""),
            reasons=promotion.get("reasons") or _gate_reasons(folder),
            model=registered.get("model"),
            version=registered.get("version"),
            evaluation=EvaluationSummary.read(folder, paths.buckets),
        )


def run(paths: StackPaths, *, dataset: str, data: str | None, parameters: Mapping[str, Any]) -> Report:
    """Start what doesn't run, retrain the dataset, stop what was started.

    Args:
        paths: of the stack.
        dataset: its DAG is `<dataset>_training`.
        data: a folder or gs:// URI; `None` for the dataset's sample.
        parameters: of the run, besides the source.

    Raises:
        StackError: the stack does not start, or there is no such data or dataset.
    """
    stack = Stack(paths)
    paths.create()
    paths.demo_report.unlink(missing_ok=True)
    raw = sources.from_uri(data) if data else sources.sample(dataset, paths)
    if data:
        # For the stack that this starts; one that runs has its own.
        os.environ[SOURCE_PREFIXES_VARIABLE] = source_prefixes(raw.uri)
    was_up = stack.up(tensorboard=False)
    try:
        report = follow(stack, dataset, raw, parameters)
    finally:
        if not was_up:
            console.print("stopping what was started")
            stack.down()
    report.write(paths)
    return report


def follow(stack: Stack, dataset: str, raw: Source, parameters: Mapping[str, Any]) -> Report:
    """Trigger a run, watch it to its end, and send production one request if it promoted.

    Raises:
        StackError: there is no such DAG, or Airflow refuses the parameters.
    """
    dag = dag_id(dataset)
    with AirflowClient(stack.ports.airflow_url) as airflow:
        airflow.unpause(dag)
        began = time.monotonic()
        run_id = airflow.trigger(dag, {"source": raw.uri, **parameters})
        console.print(f"{dag} {run_id}: {raw.description} from {raw.uri}", markup=False, soft_wrap=True)
        try:
            with RunTable(airflow, dag, run_id) as table:
                state, tasks = table.watch()
        except KeyboardInterrupt:
            # Airflow would go on with it when it is started again.
            airflow.fail_run(dag, run_id)
            raise
        seconds = round(time.monotonic() - began, 2)
        if state != "success":
            _print_failures(airflow, dag, run_id, tasks)
        result = RunResult.read(airflow, dag, run_id, stack.paths)
    return Report(
        dag_id=dag,
        run_id=run_id,
        state=state,
        promoted=result.promoted,
        reasons=result.reasons,
        source=raw,
        seconds=seconds,
        tasks=task_summaries(tasks, table.notes),
        model=result.model,
        version=result.version,
        evaluation=result.evaluation,
        prediction=_predict_in_production(stack, result) if result.promoted else None,
    )


def predict(stack: Stack, endpoint: str, request: GoldenRequest) -> Mapping[str, Any]:
    """Return the response of an endpoint to one request.

    https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/predict

    Raises:
        StackError: it does not respond, or with an error.
    """
    name = f"projects/{PROJECT}/locations/{REGION}/endpoints/{endpoint}"
    try:
        response = httpx.post(
            f"{stack.ports.emulator_url}/v1/{name}:predict",
            json={"instances": [request.instance]}, timeout=_PREDICT_TIMEOUT_SECONDS, trust_env=False,
            auth=OwnerLogin(stack.paths),
        )  # fmt: skip
    except httpx.TransportError as error:
        raise StackError(f"{name} did not answer: {error!r}") from error
    if response.is_error:
        raise StackError(f"{name} answered with {response.status_code}: {response.text[:500]}")
    document: dict[str, Any] = response.json()
    return document


def _predict_in_production(stack: Stack, result: RunResult) -> ServedPrediction:
    request = GoldenRequest.from_text((result.folder / GoldenRequest.FILENAME).read_text())[0]
    labels = result.evaluation.labels if result.evaluation else ()
    response = predict(stack, result.endpoint, request)
    return ServedPrediction.of(result.endpoint, request, response, labels, stack.paths)


def _gate_reasons(folder: Path) -> Sequence[str]:
    file = folder / GateResult.FILENAME
    try:
        return GateResult.from_text(file.read_text()).reasons if file.is_file() else ()
    except ContractError as error:
        raise StackError(f"{folder}: {error}") from error


def _print_failures(airflow: AirflowClient, dag: str, run_id: str, tasks: Sequence[TaskInstance]) -> None:
    for task in tasks:
        if task.state == "failed":
            console.print(f"== {task.task_id} failed; the end of its log:", style="red")
            for line in airflow.log(dag, run_id, task.task_id, task.try_number)[-_LOG_LINES:]:
                console.print(str(line), markup=False, soft_wrap=True)
