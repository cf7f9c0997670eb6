"""Page of a run: its tasks, data, training, evaluation and gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException, Response
from markupsafe import Markup

from contract.artifacts import Evaluation, GoldenRequest
from contract.estimates import Estimate
from contract.naming import RUN_LABEL, TASK_LABEL, dataset_of
from contract.predictions import RenderedPrediction, render
from retraining.artifacts import (
    Conversion,
    LearningCurve,
    Training,
    read_conversion,
    read_rejected,
    read_training,
)
from retraining.context import GoogleServices
from retraining.google.storage import Storage
from retraining.google.vertex_jobs import job_folder
from retraining.links import CONSOLE, job_url, tensorboard_url
from retraining.ui import plots
from retraining.ui.dependencies import CAN_READ_RUNS, google_services
from retraining.ui.pages import MAX_IMAGE_BYTES, data_uri, media_type, page
from retraining.ui.runs import RunRecord, read_run

router = APIRouter(dependencies=[CAN_READ_RUNS])

FIRST_METRICS = ("loss", "accuracy", "mse", "rmse", "mae")
"""Metrics whose learning curves come first."""


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric of the model and of those that it is compared with; `None` where it wasn't computed."""

    name: str
    model: float | None
    production: float | None
    baseline: float | None
    test: float | None
    interval: tuple[float, float] | None = None
    difference: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Example:
    """A golden request with the model's prediction.

    Attributes:
        image: data URI of the request's image; `None` for a row.
        row: values of the request's row; empty for an image.
        prediction: the prediction with the true label.
    """

    image: str | None
    row: Mapping[str, Any]
    prediction: RenderedPrediction


@router.get("/runs/{dag_id}/{run_id}")
def report(dag_id: str, run_id: str, session: SessionDep) -> Response:
    """Show a run, as far as it has come."""
    run = read_run(session, dag_id, run_id)
    if run is None:
        raise HTTPException(404, f"no run {run_id} of {dag_id}")
    dataset = dataset_of(dag_id)
    if dataset is None:
        return page("other_dag.html", dag_id=dag_id)
    services = google_services()
    job_dir = _job_dir(run, dataset, services)
    data_dir = run.outputs("convert_to_tfrecord").get("data_dir")
    conversion = read_conversion(services.storage, data_dir) if data_dir else None
    training = read_training(services.storage, job_dir)
    return page(
        "report.html",
        **variables(run, dataset, conversion, training),
        links=links(run, dataset, job_dir, services),
    )


@router.get("/runs/{dag_id}/{run_id}/rejected/{index}")
def rejected(dag_id: str, run_id: str, index: int, session: SessionDep) -> Response:
    """Return a rejected record's raw file, if it is an image."""
    run = read_run(session, dag_id, run_id)
    data_dir = run.outputs("convert_to_tfrecord").get("data_dir") if run else None
    if not data_dir:
        raise HTTPException(404, f"no conversion of run {run_id} of {dag_id}")
    try:
        content = read_rejected_file(google_services().storage, data_dir, index)
    except FileNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    kind = media_type(content)
    if kind is None:
        raise HTTPException(404, "no image")
    return Response(content, media_type=kind)


def variables(
    run: RunRecord, dataset: str, conversion: Conversion | None, training: Training
) -> dict[str, Any]:
    """Return the variables of the report's template, without links."""
    evaluation = training.evaluation
    return {
        "run": run,
        "dataset": dataset,
        "conversion": conversion,
        "num_rejected": sum(conversion.statistics.rejected.values()) if conversion else 0,
        "training": training,
        "machines": run.outputs("train").get("machines"),
        "evaluation": evaluation,
        "metrics": metric_rows(evaluation) if evaluation else [],
        "curves": [plots.learning_curve(name, training.curves[name]) for name in plotted_metrics(training)],
        "errors": error_plots(evaluation) if evaluation else [],
        "examples": examples(training.golden, evaluation.labels if evaluation else ()),
    }


def read_rejected_file(storage: Storage, data_dir: str, index: int) -> bytes:
    """Read the first `MAX_IMAGE_BYTES` bytes of a rejected record's raw file.

    Raises:
        FileNotFoundError: there is no such record, or its file has been deleted.
    """
    return storage.read_bytes(read_rejected(storage, data_dir, index).uri, first=MAX_IMAGE_BYTES)


def plotted_metrics(training: Training) -> list[str]:
    """Return the metrics that have a learning curve of at least two points, in their order on the page."""

    def sort_key(name: str) -> tuple[int, str]:
        return FIRST_METRICS.index(name) if name in FIRST_METRICS else len(FIRST_METRICS), name

    def is_plotted(curves: Sequence[LearningCurve]) -> bool:
        return any(len(curve.steps) > 1 for curve in curves)

    return sorted((name for name, curves in training.curves.items() if is_plotted(curves)), key=sort_key)


def metric_rows(evaluation: Evaluation) -> list[MetricRow]:
    """Return the model's metrics beside those of production, the constant baseline and the test set."""
    production, test = evaluation.production, evaluation.test
    return [
        MetricRow(
            name=name,
            model=value,
            production=production.metrics.get(name) if production else None,
            baseline=evaluation.baseline.metrics.get(name),
            test=test.metrics.get(name) if test else None,
            interval=estimate.interval() if (estimate := evaluation.estimate(name)) else None,
            difference=production.difference.get(name) if production else None,
        )
        for name, value in evaluation.metrics.items()
    ]


def error_plots(evaluation: Evaluation) -> list[Markup]:
    """Plot the errors of a regression or of an autoencoder."""
    figures = []
    if residuals := evaluation.residuals:
        figures.append(plots.residuals(residuals["examples"]))
        title = "prediction minus label"
        figures.append(plots.percentiles(residuals["percentiles"], residuals["values"], title=title))
    if errors := evaluation.errors:
        title = "mean squared error"
        figures.append(plots.percentiles(errors["percentiles"], errors["values"], title=title))
    return figures


def examples(golden: Sequence[GoldenRequest], labels: Sequence[str]) -> list[Example]:
    """Return golden requests with the model's predictions.

    Args:
        golden: the requests.
        labels: names of the model's classes; empty if it has none.
    """
    return [
        Example(
            image=data_uri(request.image) if request.image else None,
            row={} if request.image else request.instance,
            prediction=render(request.prediction, labels=labels, label=request.label),
        )
        for request in golden
    ]


def links(run: RunRecord, dataset: str, job_dir: str, services: GoogleServices) -> list[tuple[str, str]]:
    """Return names and URLs of a run's pages outside Airflow."""
    settings = services.settings
    result = []
    if settings.tensorboard_url and job_dir:
        result.append(("TensorBoard", tensorboard_url(job_dir, settings.tensorboard_url)))
    if not services.in_google_cloud:
        return result
    jobs = {"convert_to_tfrecord": "Dataflow job", "tune": "Tuning job", "train": "Training job"}
    for task_id, name in jobs.items():
        if job := run.outputs(task_id).get("job"):
            result.append((name, job_url(job, settings)))
    if version := run.outputs("create_model_version").get("version"):
        model = services.names(dataset).model
        path = f"vertex-ai/models/locations/{settings.region}/models/{model}/versions/{version}"
        result.append(("Model version", f"{CONSOLE}/{path}?project={settings.project}"))
    return result


def _job_dir(run: RunRecord, dataset: str, services: GoogleServices) -> str:
    """Return the folder of the run's training job, also of one under way; empty without one."""
    if job_dir := run.outputs("train").get("job_dir"):
        return str(job_dir)
    labels = {**services.names(dataset).labels, RUN_LABEL: run.run.slug, TASK_LABEL: "train"}
    jobs = services.custom_jobs.find_all(labels)
    return job_folder(max(jobs, key=lambda job: job.create_time)) if jobs else ""
