"""Model card: the data, the training, the evaluation and the history of one version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, HTTPException, Response

from contract.artifacts import GoldenRequest
from contract.naming import (
    CODE_LABEL,
    DATA_UNTIL_LABEL,
    FINGERPRINT_LABEL,
    RUN_LABEL,
    SNAPSHOT_LABEL,
    SPLIT_LABEL,
    job_folder_of,
    time_of_label,
)
from retraining.artifacts import read_training
from retraining.context import GoogleServices
from retraining.google.models import ModelVersion
from retraining.history import History
from retraining.ui.dependencies import CAN_READ_RUNS, google_services, trained_dataset
from retraining.ui.pages import page
from retraining.ui.report import metric_rows
from retraining.ui.runs import read_run_ids

router = APIRouter(dependencies=[CAN_READ_RUNS])


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """A golden request's way back to its raw data.

    Attributes:
        key: file name or key of the record; empty for a row without a key.
        uri: raw file of an image, or the folder of the snapshot in which a row's key is to be found.
    """

    key: str
    uri: str


@router.get("/models/{dag_id}/versions/{version}")
def card(dag_id: str, version: str, session: SessionDep) -> Response:
    """Show the model card of a version."""
    services, dataset = google_services(), trained_dataset(dag_id)
    names = services.names(dataset)
    found = next((one for one in services.models.versions(names.model) if one.version == version), None)
    if found is None:
        raise HTTPException(404, f"no version {version} of {dataset}")
    run_ids = read_run_ids(session, dag_id)
    values = variables(services, dataset, found)
    return page("card.html", dag_id=dag_id, run_id=run_ids.get(found.labels.get(RUN_LABEL, "")), **values)


def variables(services: GoogleServices, dataset: str, version: ModelVersion) -> dict[str, Any]:
    """Return the variables of the card's template, without links into Airflow."""
    names, labels = services.names(dataset), version.labels
    job_dir = job_folder_of(version.artifact_uri)
    training = read_training(services.storage, job_dir, curves=False)
    events = [
        event
        for event in History(services.storage, names).events()
        if version.version in (event.from_version, event.to_version)
    ]
    snapshot = labels.get(SNAPSHOT_LABEL, "")
    raw = names.raw_folder(snapshot) if snapshot else ""
    return {
        "dataset": dataset,
        "version": version,
        "job_dir": job_dir,
        "snapshot": snapshot,
        "raw": raw,
        "split": labels.get(SPLIT_LABEL, ""),
        "code": labels.get(CODE_LABEL, ""),
        "fingerprint": labels.get(FINGERPRINT_LABEL, ""),
        "data_until": time_of_label(labels.get(DATA_UNTIL_LABEL, "")),
        "training": training,
        "evaluation": training.evaluation,
        "metrics": metric_rows(training.evaluation) if training.evaluation else [],
        "lineage": [lineage(request, raw) for request in training.golden],
        "events": events[::-1],
    }


def lineage(request: GoldenRequest, raw: str) -> Lineage:
    """Return where a golden request comes from.

    Args:
        request: of the version.
        raw: folder of the snapshot's raw objects; empty if it isn't known.
    """
    is_file = request.image is not None and bool(request.filename)
    return Lineage(key=request.filename, uri=raw + request.filename if raw and is_file else raw)
