"""The chain of a dataset that asks for more than the chain of every dataset has."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from contract import NewData
from retraining import notifications
from retraining.dag import build_training_dag
from retraining_chain import SPEC


def dag(**changes: Any) -> DAG:
    return build_training_dag(replace(SPEC, **changes))


def test_dag_with_a_deadline_has_it_from_when_a_run_is_queued() -> None:
    found = dag(deadline_minutes=90)
    (alert,) = found.deadline
    assert alert.interval == timedelta(minutes=90)
    (written,) = DagSerialization.to_dict(found)["dag"]["deadline"]
    assert written["reference"]["reference_type"] == "DagRunQueuedAtDeadline"
    assert written["callback"]["__data__"] == {
        "path": f"{notifications.__name__}.on_deadline",
        "kwargs": {"minutes": 90},
    }


def test_dag_without_a_deadline_has_none() -> None:
    assert not dag().deadline


def test_dag_limits_runs_and_what_is_costly_in_those_of_backfills() -> None:
    found = dag(max_active_runs=2)
    assert found.max_active_runs == 2
    assert found.task_dict["convert_to_tfrecord"].max_active_tis_per_dag == 2
    assert found.task_dict["train"].max_active_tis_per_dag == 2
    assert found.task_dict["promote"].max_active_tis_per_dag == 1
    assert found.task_dict["upload_data"].max_active_tis_per_dag is None


@pytest.mark.parametrize("approval", [True, False])
def test_dag_with_an_approval_asks_between_the_candidate_and_production(*, approval: bool) -> None:
    found = dag(approval=approval)
    assert "approve" in found.task_dict["smoke_predict"].downstream_task_ids
    assert found.task_dict["approve"].downstream_task_ids == {"promote"}
    assert "approve" not in dag().task_dict


def test_dag_with_new_data_is_triggered_by_a_name_only() -> None:
    (asset,) = dag(schedule=NewData("landing")).schedule
    assert (asset.name, asset.uri) == ("landing", "landing")


def test_dag_tells_of_failures_of_every_task_and_of_promotions() -> None:
    tasks = dag(approval=True).task_dict
    assert all(notifications.on_failure in task.on_failure_callback for task in tasks.values())
    told = {name for name, task in tasks.items() if task.on_success_callback}
    assert told == {"promote"}
