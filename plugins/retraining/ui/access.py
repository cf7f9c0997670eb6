"""Who may see what: a user of Airflow, and of each dataset only who may see its DAG."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.models.dag import DagModel, DagTag
from fastapi import Depends
from sqlalchemy import select

from contract.naming import dataset_of

LOGGED_IN = Depends(get_user)
"""For the whole app: 401 for whom Airflow doesn't know."""

MAY_SEE_RUNS = Depends(requires_access_dag("GET", DagAccessEntity.RUN))
"""For routes with `{dag_id}`: 403 for users who may not see that DAG's runs."""

MAY_BACKFILL = Depends(requires_access_dag("POST", DagAccessEntity.RUN))
"""For routes with `{dag_id}`: 403 for users who may not make runs of that DAG."""


def _training_dags(user: GetUserDep, session: SessionDep) -> list[str]:
    tagged = select(DagTag.dag_id).join(DagModel, DagModel.dag_id == DagTag.dag_id)
    found = session.scalars(tagged.where(DagTag.name == "training", ~DagModel.is_stale))
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
    return sorted(dag_id for dag_id in found if dag_id in readable and dataset_of(dag_id) is not None)


TrainingDags = Annotated[list[str], Depends(_training_dags)]
"""The ids of the training DAGs that the user may see."""
