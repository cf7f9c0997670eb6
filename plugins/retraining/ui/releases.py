"""Decisions on releases from the models page: runs of the DAG `model_rollback`, in the user's name."""

from __future__ import annotations

from typing import Annotated, Literal

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
from airflow.api_fastapi.core_api.routes.public.dag_run import trigger_dag_run
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dagbag import DBDagBag
from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contract.naming import ROLLBACK_DAG
from retraining.ui.dependencies import CAN_DECIDE, CAN_READ_RUNS, trained_dataset
from retraining.ui.pages import page

router = APIRouter()

_FOREIGN = ("cross-site", "same-site")


class Decision(BaseModel):
    """Body of a request.

    Attributes:
        action: as of the DAG.
        version: to go back to; None for the one before, or where none is meant.
        reason: a sentence.
    """

    model_config = ConfigDict(extra="forbid")

    action: Literal["rollback", "hold", "release"]
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]+$")] | None = None
    reason: Annotated[str, Field(max_length=1000), StringConstraints(strip_whitespace=True, min_length=1)]


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
