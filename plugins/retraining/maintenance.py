"""DAGs that concern all datasets: the way back, and retention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from airflow.sdk import DAG, Param

from contract.naming import ROLLBACK_DAG
from retraining import notifications
from retraining.housekeeping import RetentionPolicy
from retraining.operators.housekeeping import DATASET, DRY_RUN, HousekeepingOperator
from retraining.operators.rollback import ModelRollbackOperator

HOUSEKEEPING_DAG = "housekeeping"

_RETRIES = {
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "on_failure_callback": notifications.on_failure,
}

_ACTIONS = {
    "rollback": "rollback: put an earlier version into production, and hold promotions",
    "hold": "hold: promote nothing until it is released",
    "release": "release: end a hold, and accept what is in production",
}


def build_rollback_dag(datasets: Sequence[str]) -> DAG:
    """Return the DAG `model_rollback`, whose form takes a decision on a dataset's releases.

    Args:
        datasets: names to choose from.
    """
    dag = DAG(
        ROLLBACK_DAG,
        description="Puts an earlier version of a model into production; holds and releases promotions",
        schedule=None,
        catchup=False,
        is_paused_upon_creation=False,  # who needs it is in a hurry
        tags=["maintenance"],
        params={
            "dataset": Param(type="string", enum=list(datasets), title="Dataset"),
            "action": Param(
                "rollback", type="string", enum=list(_ACTIONS), values_display=_ACTIONS, title="Action"
            ),
            "version": Param(
                None,
                type=["null", "string"],
                pattern=r"^[0-9]+$",
                title="Version",
                description="To go back to; without it, the version that was in production before",
            ),
            "reason": Param(
                type="string", minLength=1, title="Reason", description="Kept in the model's history"
            ),
        },
        default_args=_RETRIES,
    )
    with dag:
        ModelRollbackOperator(
            task_id="decide",
            dataset="{{ params.dataset }}",
            action="{{ params.action }}",
            version="{{ params.version or '' }}",
            reason="{{ params.reason }}",
        )
    return dag


def build_housekeeping_dag(policy: RetentionPolicy, schedule: str | None = "@weekly") -> DAG:
    """Return the DAG `housekeeping`, which lists what no policy keeps, or removes it.

    Args:
        policy: says what is kept, and whether a scheduled run only lists.
        schedule: a cron expression; None for runs by hand alone.
    """
    dag = DAG(
        HOUSEKEEPING_DAG,
        description="Lists what runs left behind and no policy keeps; removes it where a run says so",
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        tags=["maintenance"],
        params={
            DRY_RUN: Param(
                policy.dry_run,
                type="boolean",
                title="Dry run",
                description="Only list what would be removed",
            ),
            DATASET: Param(
                None,
                type=["null", "string"],
                minLength=1,
                title="Dataset",
                description="One dataset only; without it, all that left anything behind",
            ),
        },
        default_args=_RETRIES,
    )
    with dag:
        HousekeepingOperator(task_id="remove", policy=policy)
    return dag
