"""Pages of the models: all datasets, the versions of one, predictions by the one in production, decisions.

A decision on a release is a run of the DAG `model_rollback`, in the user's name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
from airflow.api_fastapi.core_api.routes.public.dag_run import trigger_dag_run
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dagbag import DBDagBag
from fastapi import APIRouter, Body, HTTPException, Request, Response
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contract.history import HistoryEvent, promoted_versions
from contract.naming import (
    DATA_UNTIL_LABEL,
    METRIC_LABEL,
    ROLLBACK_DAG,
    RUN_LABEL,
    job_folder_of,
    time_of_label,
)
from contract.predictions import render
from retraining.artifacts import read_first_golden, read_labels
from retraining.context import GoogleServices
from retraining.decisions import standing_decision
from retraining.google.deployments import Deployment, leading
from retraining.google.models import ModelVersion
from retraining.history import History
from retraining.rollout import is_rolling_out
from retraining.ui import plots
from retraining.ui.dependencies import (
    CAN_DECIDE,
    CAN_READ_RUNS,
    MayDecide,
    TrainingDags,
    google_services,
    trained_dataset,
)
from retraining.ui.pages import data_uri, page
from retraining.ui.runs import read_run_ids

router = APIRouter()

_THREADS = 8
_FOREIGN = ("cross-site", "same-site")


class Decision(BaseModel):
    """Body of a request for a decision.

    Attributes:
        action: as of the DAG.
        version: to go back to; None for the one before, or where none is meant.
        reason: a sentence.
    """

    model_config = ConfigDict(extra="forbid")

    action: Literal["rollback", "hold", "release"]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+$")] | None = None
    reason: Annotated[str, Field(max_length=1000), StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, kw_only=True)
class VersionRecord:
    """One version of a model.

    Attributes:
        version: its id.
        created: creation time.
        metric: name of the gate's metric; empty where the version has no such label.
        value: value of that metric; `None` where the version has no such label.
        data_until: end of its data; `None` where the version has no such label.
        job_dir: URI of its training job's folder.
        run_id: the run that made it; `None` if Airflow has deleted it.
        promoted: whether it is or was in production.
        serving: whether it is in production.
    """

    version: str
    created: datetime | None
    metric: str
    value: float | None
    data_until: datetime | None
    job_dir: str
    run_id: str | None
    promoted: bool
    serving: bool


@dataclass(frozen=True, kw_only=True)
class DatasetModel:
    """The model of one dataset.

    Attributes:
        dataset: its name.
        dag_id: the DAG that trains it.
        endpoint: id of the production endpoint.
        deployment: what that endpoint serves; `None` if nothing.
        versions: newest first.
        events: history of its releases, newest first.
        standing: the decision by which nothing is promoted now; empty if there is none.
        rolls_out: whether a rollout is under way.
    """

    dataset: str
    dag_id: str
    endpoint: str
    deployment: Deployment | None
    versions: Sequence[VersionRecord]
    events: Sequence[HistoryEvent] = ()
    standing: str = ""
    rolls_out: bool = False

    @property
    def serving(self) -> VersionRecord | None:
        """The version in production."""
        return next((version for version in self.versions if version.serving), None)


@router.get("/models")
def overview(dags: TrainingDags, session: SessionDep) -> Response:
    """Show every dataset that the user may see, and its version in production."""
    services = google_services()
    run_ids = {dag_id: read_run_ids(session, dag_id) for dag_id in dags}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="models") as pool:
        models = list(
            pool.map(
                lambda dag: read_model(services, dataset=dag[1], dag_id=dag[0], run_ids=run_ids[dag[0]]),
                dags.items(),
            )
        )
    return page("models.html", models=models)


@router.get("/models/{dag_id}", dependencies=[CAN_READ_RUNS])
def dataset_page(dag_id: str, dags: TrainingDags, session: SessionDep, decides: MayDecide) -> Response:
    """Show the versions of one dataset's model, and a form for predictions."""
    services = google_services()
    run_ids = read_run_ids(session, dag_id)
    model = read_model(services, dataset=trained_dataset(dag_id), dag_id=dag_id, run_ids=run_ids)
    golden = read_first_golden(services.storage, model.serving.job_dir) if model.serving else None
    return page(
        "dataset.html",
        model=model,
        dags=dags,
        plot=history_plot(model),
        decides=decides,
        instance=golden.instance if golden else {},
        image=data_uri(golden.image) if golden and golden.image else None,
    )


@router.post("/models/{dag_id}/predict", dependencies=[CAN_READ_RUNS])
def predict(dag_id: str, instance: Annotated[dict[str, Any], Body(embed=True)]) -> Response:
    """Return the production endpoint's prediction for one instance, as a part of a page."""
    from google.api_core.exceptions import GoogleAPIError

    services = google_services()
    names = services.names(trained_dataset(dag_id))
    try:
        answer = services.endpoints.predict(names.production_endpoint, [instance])
    except GoogleAPIError as error:
        return page("rejected.html", reason=getattr(error, "message", None) or str(error))
    versions = services.models.versions(names.model)
    version = next((version for version in versions if version.version == answer.version), None)
    labels = read_labels(services.storage, job_folder_of(version.artifact_uri)) if version else ()
    prediction = render(answer.predictions[0], labels=labels)
    return page("prediction.html", prediction=prediction, version=answer.version)


@router.post("/models/{dag_id}/decide", dependencies=[CAN_READ_RUNS, CAN_DECIDE])
def decide(
    dag_id: str,
    decision: Decision,
    user: GetUserDep,
    session: SessionDep,
    request: Request,
) -> Response:
    """Trigger a run that carries out a decision; return a link to it, as a part of a page."""
    # A page of another site can't read the answer, but it could make the request.
    if request.headers.get("sec-fetch-site") in _FOREIGN:
        raise HTTPException(403, "expected a request of this page")
    conf = {"dataset": trained_dataset(dag_id), **decision.model_dump()}
    body = TriggerDAGRunPostBody(conf=conf, logical_date=None, note=decision.reason)
    run = trigger_dag_run(ROLLBACK_DAG, body, DBDagBag(), user, session, request)
    return page("decided.html", decision=decision, dag_id=ROLLBACK_DAG, run_id=run.run_id)


def read_model(
    services: GoogleServices, *, dataset: str, dag_id: str, run_ids: Mapping[str, str]
) -> DatasetModel:
    """Read the model of a dataset from the Model Registry, the production endpoint and the history.

    Args:
        services: of the deployment.
        dataset: its name.
        dag_id: the DAG that trains it.
        run_ids: of the runs that Airflow knows, by slug.
    """
    names = services.names(dataset)
    endpoint = names.production_endpoint
    deployed = services.endpoints.deployments(endpoint)
    deployment = leading(deployed)
    versions = services.models.versions(names.model)
    events = History(services.storage, names).events()
    promoted = promoted_versions(events)
    rolls_out = is_rolling_out(services, names)
    return DatasetModel(
        dataset=dataset,
        dag_id=dag_id,
        endpoint=endpoint,
        deployment=deployment,
        versions=[_record(version, deployment, promoted, run_ids) for version in reversed(versions)],
        events=events[::-1],
        standing=standing_decision(dataset, events, [] if rolls_out else deployed),
        rolls_out=rolls_out,
    )


def history_plot(model: DatasetModel) -> Markup | None:
    """Plot the gate's metric over the versions; `None` with less than two of the newest one's metric.

    Intervals and marks come from the history.
    """
    metric = model.versions[0].metric if model.versions else ""
    estimates = {
        event.to_version: event.estimate
        for event in model.events
        if event.estimate is not None and event.metric == metric
    }
    rolled_back = {event.from_version for event in model.events if event.kind == "rollback"}
    points = []
    for version in reversed(model.versions):
        if version.value is None or version.metric != metric:
            continue
        mark = "promoted" if version.promoted else "not promoted"
        points.append(
            plots.VersionPoint(
                version=version.version,
                value=version.value,
                estimate=estimates.get(version.version),
                mark="rolled back" if version.version in rolled_back else mark,
            )
        )
    return plots.metric_history(metric, points) if metric and len(points) > 1 else None


def _record(
    version: ModelVersion,
    deployment: Deployment | None,
    promoted: Collection[str],
    run_ids: Mapping[str, str],
) -> VersionRecord:
    metric, value = _metric_of_label(version.labels.get(METRIC_LABEL, ""))
    slug = version.labels.get(RUN_LABEL, "")
    serving = deployment is not None and deployment.serves(version)
    return VersionRecord(
        version=version.version,
        created=version.created,
        metric=metric,
        value=value,
        data_until=time_of_label(version.labels.get(DATA_UNTIL_LABEL, "")),
        job_dir=job_folder_of(version.artifact_uri),
        run_id=run_ids.get(slug),
        promoted=serving or version.version in promoted,
        serving=serving,
    )


def _metric_of_label(label: str) -> tuple[str, float | None]:
    """Return name and value of a label such as `accuracy-0_8125`."""
    name, _, digits = label.rpartition("-")
    try:
        return name, float(digits.replace("_", "."))
    except ValueError:
        return "", None
