"""Runs in MLflow, where a tracking server is set: an experiment for each dataset, a run for each DAG run.

Each task adds what it knows when it has succeeded. A retry or a clear finds the run again by its tag. No task
fails for MLflow's sake, and MLflow is imported only here, with the setting.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import copy_context
from functools import cached_property
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import conf

from retraining.context import run_context

if TYPE_CHECKING:
    from airflow.sdk import Context
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from mlflow.entities import Run as MlflowRun

    from contract.artifacts import Evaluation
    from retraining.artifacts import LearningCurve
    from retraining.context import RunContext

RUN_TAG = "perennial.run"
"""Tag of the project, the deployment and the DAG run's slug, which no two DAG runs share."""

PREFIX = "perennial."
ERROR_TAG = "perennial.error"

_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Variables of MLflow that are set unless the deployment sets them. Its own patience with a server that is
down is minutes, and as long as an answer's `Retry-After` says, and it reports its use to its makers.
https://mlflow.org/docs/latest/api_reference/python_api/mlflow.environment_variables.html"""

DEADLINE_SECONDS = 60.0
"""Longest time that a task gives MLflow in all: the timeout of a request is one between two bytes."""

_LONGEST_PARAM, _LONGEST_TAG = 6000, 5000
_BATCH = {"metrics": 1000, "params": 100, "tags": 100}
"""Limits of MLflow's REST API. https://mlflow.org/docs/latest/api_reference/rest-api.html#log-batch"""

log = logging.getLogger(__name__)


class TrackedRun:
    """The MLflow run of one DAG run, created when it is first used.

    Args:
        context: of a task of the DAG run.
        dataset: its dataset.
    """

    def __init__(self, context: RunContext, dataset: str) -> None:
        self._context = context
        self._dataset = dataset

    @property
    def is_on(self) -> bool:
        """True if the deployment has a tracking server."""
        return self._context.settings.mlflow_tracking_uri is not None

    def reopen(self) -> None:
        """Set the run's status to `RUNNING` even if it has finished: the whole DAG run was cleared."""
        if self._run.info.status == "FINISHED":
            self._client.update_run(self._id, status="RUNNING")

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Add parameters; one that has another value already, of before a clear, becomes a tag.

        The tag is deleted when the parameter has its first value again.
        """
        from mlflow.entities import Param

        known, tags = self._run.data.params, self._run.data.tags
        texts = {name: str(value)[:_LONGEST_PARAM] for name, value in params.items() if value is not None}
        new = [Param(name, text) for name, text in texts.items() if name not in known]
        for some in _batches(new, _BATCH["params"]):
            self._client.log_batch(self._id, params=some)
        changed = {name: text for name, text in texts.items() if known.get(name, text) != text}
        self.set_tags({f"changed.{name}": text for name, text in changed.items()})
        for name in texts.keys() - changed.keys():
            if (tag := f"{PREFIX}changed.{name}") in tags:
                self._client.delete_tag(self._id, tag)

    def log_evaluation(self, evaluation: Evaluation) -> None:
        """Add the metrics of an evaluation with their 95 % intervals, beside those it is compared with."""
        values = {f"evaluation/{name}": value for name, value in evaluation.metrics.items()}
        values["evaluation/examples"] = evaluation.examples
        for name in evaluation.metrics:
            estimate = evaluation.estimate(name)
            if estimate is not None:
                low, high = estimate.interval()
                values |= {f"evaluation/{name}_low": low, f"evaluation/{name}_high": high}
        for kind in ("baseline", "test", "production"):
            other = getattr(evaluation, kind)
            if other is not None:
                values |= {f"{kind}/{name}": value for name, value in other.metrics.items()}
        self.log_metrics(values)

    def log_metrics(self, values: Mapping[str, float]) -> None:
        """Add metrics without steps, but those that have this value already; NaN is no value to MLflow."""
        from mlflow.entities import Metric

        now, known = int(time.time() * 1000), self._run.data.metrics
        self._log_metrics(
            Metric(name, value, now, 0)
            for name, value in values.items()
            if known.get(name) != value and math.isfinite(value)
        )

    def log_curves(self, curves: Mapping[str, Sequence[LearningCurve]]) -> None:
        """Add learning curves by step, `train/loss` for instance.

        A point has the time at which the training wrote it, so that a retry adds none twice.
        """
        from mlflow.entities import Metric

        self._log_metrics(
            Metric(f"{curve.split}/{metric}" if curve.split else metric, value, int(seconds * 1000), step)
            for metric, found in curves.items()
            for curve in found
            for step, value, seconds in zip(curve.steps, curve.values, curve.times, strict=True)
            if math.isfinite(value)
        )

    def log_snapshot(self, snapshot: str, uri: str) -> None:
        """Add the raw data as the run's dataset."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(self._dataset, snapshot, "gs", json.dumps({"uri": uri}))
        self._client.log_inputs(self._id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags of ours, whose names begin with `perennial.`; None and an empty text are no values."""
        from mlflow.entities import RunTag

        texts = {f"{PREFIX}{name}": str(value)[:_LONGEST_TAG] for name, value in tags.items() if value}
        found = [RunTag(name, text) for name, text in texts.items()]
        for some in _batches(found, _BATCH["tags"]):
            self._client.log_batch(self._id, tags=some)

    def describe(self, sentences: Sequence[str]) -> None:
        """Set the text that MLflow's page of the run shows: the link to the report, and these sentences."""
        lines = [f"[Report]({self.report_url})", *sentences] if self.report_url else list(sentences)
        self._client.set_tag(self._id, "mlflow.note.content", "\n\n".join(lines)[:_LONGEST_TAG])

    def end(self, status: str) -> None:
        """End the run, as MLflow's `FINISHED`, which takes an earlier error back, or `FAILED`."""
        if status == "FINISHED" and ERROR_TAG in self._run.data.tags:
            self._client.delete_tag(self._id, ERROR_TAG)
        self._client.set_terminated(self._id, status)

    @property
    def report_url(self) -> str:
        """URL of the run's report in Airflow; empty if Airflow does not know its own."""
        root, run = conf.get("api", "base_url", fallback="").rstrip("/"), self._context.run
        return f"{root}/dags/{run.dag_id}/runs/{quote(run.run_id)}/plugin/report" if root else ""

    @cached_property
    def _client(self) -> MlflowClient:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self._context.settings.mlflow_tracking_uri)

    @cached_property
    def _run(self) -> MlflowRun:
        """Find the run, or create it; of two that were created at once the older one stays.

        A run that failed runs again. One that has finished stays so: a task that is cleared alone after
        `promote` ends no run.
        """
        experiment, run = self._experiment(), self._context.run
        found = self._find(experiment)
        if not found:
            tags = {
                RUN_TAG: self._key,
                f"{PREFIX}deployment": self._context.settings.deployment,
                f"{PREFIX}dataset": self._dataset,
                f"{PREFIX}dag_id": run.dag_id,
                f"{PREFIX}run_id": run.run_id,
            }
            created = self._client.create_run(experiment, tags=tags, run_name=run.run_id)
            found = self._find(experiment) or [created]
        for twin in found[1:]:
            self._client.delete_run(twin.info.run_id)
        if found[0].info.status not in ("RUNNING", "FINISHED"):
            self._client.update_run(found[0].info.run_id, status="RUNNING")
        return found[0]

    @property
    def _id(self) -> str:
        run_id: str = self._run.info.run_id
        return run_id

    def _experiment(self) -> str:
        from mlflow import MlflowException

        name = self._context.names(self._dataset).model
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                created: str = self._client.create_experiment(name)
                return created
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = self._client.get_experiment_by_name(name)
        experiment: str = found.experiment_id
        return experiment

    @property
    def _key(self) -> str:
        settings = self._context.settings
        return f"{settings.project}/{settings.deployment}/{self._context.run.slug}"

    def _find(self, experiment: str) -> list[MlflowRun]:
        condition = f"tags.`{RUN_TAG}` = '{self._key}'"
        oldest = ["attributes.start_time ASC", "attributes.run_id ASC"]
        return list(self._client.search_runs([experiment], filter_string=condition, order_by=oldest))

    def _log_metrics(self, metrics: Iterable[Metric]) -> None:
        for some in _batches(list(metrics), _BATCH["metrics"]):
            self._client.log_batch(self._id, metrics=some)


def within_deadline(work: Callable[[], None]) -> None:
    """Do work with MLflow in a thread, which is left to itself after `DEADLINE_SECONDS`.

    Raises:
        TimeoutError: the work has not ended by then; any other error is the work's.
    """
    errors: list[Exception] = []

    def attempt() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    thread = Thread(target=copy_context().run, args=(attempt,), name="mlflow", daemon=True)
    thread.start()
    thread.join(DEADLINE_SECONDS)
    if thread.is_alive():
        raise TimeoutError(f"expected an end within {DEADLINE_SECONDS:g} s, received none")
    if errors:
        raise errors[0]


def on_failure(context: Context) -> None:
    """End the MLflow run of a task that has failed for good; a callback of every task."""
    try:
        with run_context(context) as surroundings:
            run = TrackedRun(surroundings, context["task"].spec.name)
            if run.is_on:
                error = f"{context['ti'].task_id}: {context.get('exception')}"
                within_deadline(lambda: _fail(run, error))
    except Exception as refusal:
        log.warning("MLflow does not know of the failure: %r", refusal)


def _fail(run: TrackedRun, error: str) -> None:
    run.set_tags({ERROR_TAG.removeprefix(PREFIX): error})
    run.end("FAILED")


def _batches(items: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
