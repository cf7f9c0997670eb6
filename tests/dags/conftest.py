"""Every file in dags/, parsed as Airflow's dag-processor parses it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]

PARSE = """
import json
import sys
from datetime import datetime

from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import get_import_errors
from airflow.serialization.serialized_objects import DagSerialization

QUARTER = datetime(2018, 1, 1), datetime(2018, 3, 1)


def as_scheduled(dag):
    return DagSerialization.from_dict(DagSerialization.to_dict(dag))


bag = DagBag(sys.argv[1])
dags = {
    dag_id: {
        "file": dag.fileloc,
        "tasks": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
        "retries": {task.task_id: task.retries for task in dag.tasks},
        "alone": sorted(task.task_id for task in dag.tasks if task.max_active_tis_per_dag == 1),
        "catchup": dag.catchup,
        "intervals": [
            [str(info.data_interval.start), str(info.data_interval.end), str(info.run_after)]
            for info in as_scheduled(dag).iter_dagrun_infos_between(*QUARTER)
        ] if as_scheduled(dag).timetable.periodic else None,
        "assets": sorted(
            asset.name for _, asset in as_scheduled(dag).timetable.asset_condition.iter_assets()
        ),
        "as_scheduled": {
            task.task_id: {
                "after": sorted(task.upstream_task_ids),
                "links": sorted(task.operator_extra_link_dict),
            }
            for task in as_scheduled(dag).tasks
        },
        "params": {name: param.schema for name, param in dag.params.items()},
        "defaults": {name: param.value for name, param in dag.params.items() if param.has_value},
        "schedule": dag.schedule if isinstance(dag.schedule, str) else None,
        "tags": sorted(dag.tags),
    }
    for dag_id, dag in bag.dags.items()
}
result = {"errors": bag.import_errors, "dags": dags, "modules": sorted(sys.modules)}
result["plugin_errors"] = get_import_errors()
print(json.dumps(result))
"""


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Result of parsing: `errors`, `plugin_errors`, `dags` and the `modules` that it imported."""
    home = tmp_path_factory.mktemp("airflow")
    # As in a fresh deployment: no connection, and none of the chain's settings.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERENNIAL_")}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE": "False",  # every file in dags/ is a DAG
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(CHECKOUT / "dags")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
