"""The report of a run: a page, and the pictures that were rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException, Response
from markupsafe import Markup

from contract import naming
from contract.naming import dataset_of
from retraining.google.storage import Storage
from retraining.links import CONSOLE, job_url, tensorboard_url
from retraining.ui import plots
from retraining.ui.access import MAY_SEE_RUNS
from retraining.ui.answers import Example, example
from retraining.ui.artifacts import Conversion, Training, read_conversion, read_rejected, read_training
from retraining.ui.pages import page
from retraining.ui.pictures import LARGEST_BYTES, media_type
from retraining.ui.runs import RunRecord, read_run
from retraining.ui.services import Services, services

router = APIRouter(dependencies=[MAY_SEE_RUNS])

FIRST_FIGURES = ("loss", "accuracy", "mse", "rmse", "mae")
"""Come first among the learning curves."""


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric, of the model and of what it is compared with."""

    name: str
    model: float | None
    production: float | None
    baseline: float | None
    test: float | None


@router.get("/runs/{dag_id}/{run_id}")
def report(dag_id: str, run_id: str, session: SessionDep) -> Response:
    """What a run did, as far as it has come."""
    run = read_run(session, dag_id, run_id)
    if run is None:
        raise HTTPException(404, f"no run {run_id} of {dag_id}")
    dataset = dataset_of(dag_id)
    if dataset is None:
        return page("no_training.html", dag_id=dag_id)
    found = services()
    data_dir = run.result("convert_to_tfrecord").get("data_dir")
    conversion = read_conversion(found.storage, data_dir) if data_dir else None
    training = read_training(found.storage, _job_dir(run, dataset, found))
    evaluation = training.evaluation
    return page(
        "report.html",
        run=run,
        dataset=dataset,
        conversion=conversion,
        training=training,
        evaluation=evaluation,
        metrics=metric_rows(evaluation) if evaluation else [],
        curves=[plots.learning_curve(name, training.curves[name]) for name in figures(training)],
        errors=error_plots(evaluation) if evaluation else [],
        examples=examples(training),
        links=links(run, dataset, found),
        rejected=total_rejected(conversion),
    )


@router.get("/runs/{dag_id}/{run_id}/rejected/{index}")
def rejected(dag_id: str, run_id: str, index: int, session: SessionDep) -> Response:
    """A rejected picture, if it is one that can be shown."""
    run = read_run(session, dag_id, run_id)
    data_dir = run.result("convert_to_tfrecord").get("data_dir") if run else None
    if not data_dir:
        raise HTTPException(404, f"no conversion of run {run_id} of {dag_id}")
    try:
        content = rejected_picture(services().storage, data_dir, index)
    except FileNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    kind = media_type(content)
    if kind is None:
        raise HTTPException(404, "no picture")
    return Response(content, media_type=kind)


def rejected_picture(storage: Storage, data_dir: str, index: int) -> bytes:
    """The raw bytes of a rejected record, as many as may be shown.

    Raises:
        FileNotFoundError: there is no such record, or it is gone.
    """
    return storage.read_bytes(read_rejected(storage, data_dir, index).uri, first=LARGEST_BYTES)


def figures(training: Training) -> list[str]:
    """The names of the learning curves, in the order in which they are looked at."""

    def place(name: str) -> tuple[int, str]:
        return FIRST_FIGURES.index(name) if name in FIRST_FIGURES else len(FIRST_FIGURES), name

    return sorted((name for name, curves in training.curves.items() if _has_course(curves)), key=place)


def metric_rows(evaluation: Mapping[str, Any]) -> list[MetricRow]:
    """The model's metrics beside those of production, of a constant answer, and on the test side."""
    production, test = evaluation.get("production") or {}, evaluation.get("test") or {}
    baseline = evaluation["trivial_baseline"]

    def of(other: Mapping[str, Any], name: str) -> float | None:
        value: float | None = other.get("metrics", {}).get(name)
        return value

    return [
        MetricRow(
            name=name,
            model=value,
            production=of(production, name),
            baseline=of(baseline, name),
            test=of(test, name),
        )
        for name, value in evaluation["metrics"].items()
    ]


def error_plots(evaluation: Mapping[str, Any]) -> list[Markup]:
    """Where a model that answers with numbers or pictures is wrong."""
    drawn = []
    if found := evaluation.get("residuals"):
        drawn.append(plots.residuals(found["examples"]))
        title = "prediction minus label"
        drawn.append(plots.percentiles(found["percentiles"], found["values"], title=title))
    if found := evaluation.get("errors"):
        title = "mean squared error"
        drawn.append(plots.percentiles(found["percentiles"], found["values"], title=title))
    return drawn


def examples(training: Training) -> list[Example]:
    """Some requests with the model's answers."""
    labels = (training.evaluation or {}).get("labels", ())
    return [example(line, labels) for line in training.golden]


def total_rejected(conversion: Conversion | None) -> int:
    """How many records were not used."""
    return sum(conversion.statistics["rejected"].values()) if conversion else 0


def links(run: RunRecord, dataset: str, found: Services) -> list[tuple[str, str]]:
    """Names and addresses of what else there is to see of a run outside Airflow."""
    settings, shown = found.settings, []
    if settings.tensorboard_url:
        folder = _job_dir(run, dataset, found)
        shown.append(("TensorBoard", tensorboard_url(folder, settings.tensorboard_url)))
    if not found.in_google_cloud:
        return shown
    jobs = {"convert_to_tfrecord": "Dataflow job", "tune": "Search", "train": "Training job"}
    for task_id, name in jobs.items():
        if job := run.result(task_id).get("job"):
            shown.append((name, job_url(job, settings)))
    if version := run.result("create_model_version").get("version"):
        place = f"vertex-ai/models/locations/{settings.region}/models/{dataset}/versions/{version}"
        shown.append(("Model version", f"{CONSOLE}/{place}?project={settings.project}"))
    return shown


def _job_dir(run: RunRecord, dataset: str, found: Services) -> str:
    said = run.result("train").get("job_dir")
    return str(said) if said else naming.run_folder(found.settings.bucket, dataset, run.run.slug)


def _has_course(curves: Sequence[Any]) -> bool:
    """Whether there is more than one point of it."""
    return any(len(curve.steps) > 1 for curve in curves)
