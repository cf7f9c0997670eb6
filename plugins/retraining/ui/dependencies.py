"""FastAPI dependencies of the pages: authorization by Airflow, and Google's services."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.models.dag import DagModel, DagTag
from fastapi import Depends, HTTPException
from sqlalchemy import select

from contract.naming import ROLLBACK_DAG, dataset_of
from retraining.context import GoogleServices

AUTHENTICATED = Depends(get_user)
"""For the whole app: 401 for users whom Airflow doesn't know."""

CAN_READ_RUNS = Depends(requires_access_dag("GET", DagAccessEntity.RUN))
"""For routes with `{dag_id}`: 403 for users who may not see that DAG's runs."""

CAN_CREATE_RUNS = Depends(requires_access_dag("POST", DagAccessEntity.RUN))
"""For routes with `{dag_id}`: 403 for users who may not create runs of that DAG."""


def _training_dags(user: GetUserDep, session: SessionDep) -> dict[str, str]:
    tagged = select(DagTag.dag_id).join(DagModel, DagModel.dag_id == DagTag.dag_id)
    found = session.scalars(tagged.where(DagTag.name == "training", ~DagModel.is_stale))
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
    datasets = {dag_id: dataset_of(dag_id) for dag_id in sorted(readable.intersection(found))}
    return {dag_id: dataset for dag_id, dataset in datasets.items() if dataset is not None}


TrainingDags = Annotated[dict[str, str], Depends(_training_dags)]
"""Training DAGs that the user may see: id -> dataset, in alphabetical order."""


def _may_decide(user: GetUserDep) -> bool:
    details = DagDetails(id=ROLLBACK_DAG)
    return get_auth_manager().is_authorized_dag(
        method="POST", access_entity=DagAccessEntity.RUN, details=details, user=user
    )


MayDecide = Annotated[bool, Depends(_may_decide)]
"""True if the user may trigger the DAG that carries out decisions on releases."""


def _check_decide(decides: MayDecide) -> None:
    if not decides:
        raise HTTPException(403, f"expected the right to trigger {ROLLBACK_DAG}")


CAN_DECIDE = Depends(_check_decide)
"""403 for users who may not."""


def trained_dataset(dag_id: str) -> str:
    """Return the dataset that a DAG trains; 404 for another kind of DAG."""
    dataset = dataset_of(dag_id)
    if dataset is None:
        raise HTTPException(404, f"{dag_id} trains no model")
    return dataset


@cache
def google_services() -> GoogleServices:
    """Return Google's services of this process; all requests share the clients.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    return GoogleServices.from_environment()
