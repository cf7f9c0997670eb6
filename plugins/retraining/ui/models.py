"""The models of all datasets, those of one, and a question to what serves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Body, HTTPException, Response
from markupsafe import Markup

from retraining import paths
from retraining.paths import production_endpoint
from retraining.ui import plots
from retraining.ui.access import MAY_SEE_RUNS, TrainingDags, dataset_of
from retraining.ui.answers import IMAGE_INPUT, show
from retraining.ui.artifacts import read_first_golden, read_labels
from retraining.ui.pages import page
from retraining.ui.pictures import data_uri
from retraining.ui.registry import DatasetModels, read_models
from retraining.ui.runs import read_promotions
from retraining.ui.services import services

router = APIRouter()

_AT_ONCE = 8


@router.get("/models")
def overview(dag_ids: TrainingDags, session: SessionDep) -> Response:
    """Every dataset that the user may see, and what serves it."""
    found = services()
    promotions = {dag_id: read_promotions(session, dag_id) for dag_id in dag_ids}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="models") as pool:
        everything = list(
            pool.map(
                lambda dag_id: read_models(found, _dataset(dag_id), dag_id, promotions[dag_id]),
                dag_ids,
            )
        )
    return page("models.html", everything=everything)


@router.get("/models/{dag_id}", dependencies=[MAY_SEE_RUNS])
def of_dataset(dag_id: str, dag_ids: TrainingDags, session: SessionDep) -> Response:
    """The versions of one dataset's model, and a form to try what serves."""
    found = services()
    models = read_models(found, _dataset(dag_id), dag_id, read_promotions(session, dag_id))
    serving = models.serving
    golden = read_first_golden(found.storage, serving.job_dir) if serving else None
    instance = golden["instance"] if golden else {}
    image = instance.get(IMAGE_INPUT)
    return page(
        "dataset.html",
        models=models,
        others=[(other, _dataset(other)) for other in dag_ids],
        plot=history(models),
        instance=instance,
        image=data_uri(image["b64"]) if image else None,
    )


@router.post("/models/{dag_id}/answer", dependencies=[MAY_SEE_RUNS])
def answer(dag_id: str, instance: Annotated[dict[str, Any], Body(embed=True)]) -> Response:
    """What the production endpoint says to one instance, as a piece of a page."""
    from google.api_core.exceptions import GoogleAPIError

    found, dataset = services(), _dataset(dag_id)
    try:
        said = found.endpoints.predict(production_endpoint(dataset), [instance])
    except GoogleAPIError as error:
        return page("refused.html", reason=getattr(error, "message", None) or str(error))
    version = next(
        (version for version in found.models.versions(dataset) if version.version == said.version), None
    )
    labels = read_labels(found.storage, paths.run_folder_of(version.artifact_uri)) if version else ()
    return page("answer.html", answer=show(said.predictions[0], labels), version=said.version)


def history(models: DatasetModels) -> Markup | None:
    """The gate's metric over the versions; `None` where there is nothing to compare."""
    metric = models.versions[0].metric if models.versions else ""
    points = [
        (version.created, version.version, version.value, version.promoted)
        for version in models.versions
        if version.created and version.value is not None and version.metric == metric
    ]
    return plots.history(metric, points) if metric and len(points) > 1 else None


def _dataset(dag_id: str) -> str:
    dataset = dataset_of(dag_id)
    if dataset is None:
        raise HTTPException(404, f"{dag_id} trains no model")
    return dataset
