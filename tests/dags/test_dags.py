"""The DAG files: they parse, quickly, into the chain."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

DAGS = Path(__file__).parents[2] / "dags"
FILES = sorted(path.stem for path in DAGS.glob("*.py"))
CHAIN = (
    "upload_data",
    "convert_to_tfrecord",
    "train",
    "validate_export",
    "create_model_version",
    "smoke_predict",
    "promote",
)
HEAVY = (
    "apache_beam",
    "tensorflow",
    "keras",
    "google.cloud.aiplatform",
    "google.cloud.aiplatform_v1",
    "google.cloud.dataflow_v1beta3",
    "google.cloud.storage",
    "airflow.providers.google.cloud.hooks.gcs",
)


def test_dag_files_parse_without_an_error(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert parsed["plugin_errors"] == {}
    assert sorted(parsed["dags"]) == FILES


@pytest.mark.parametrize("module", HEAVY)
def test_parsing_imports_nothing_that_only_the_work_needs(parsed: dict[str, Any], module: str) -> None:
    assert [name for name in parsed["modules"] if name == module or name.startswith(f"{module}.")] == []


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_is_the_chain_in_its_order(parsed: dict[str, Any], dag_id: str) -> None:
    tasks = parsed["dags"][dag_id]["tasks"]
    assert sorted(tasks) == sorted(CHAIN)
    for task, following in itertools.pairwise(CHAIN):
        assert following in tasks[task], f"{task} is not followed by {following}"
    assert tasks["promote"] == []


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_is_the_same_to_the_scheduler_which_reads_it_from_the_database(
    parsed: dict[str, Any], dag_id: str
) -> None:
    dag = parsed["dags"][dag_id]
    after = {task: tuple(read["after"]) for task, read in dag["as_scheduled"].items()}
    assert after == {
        task: tuple(sorted(other for other in CHAIN if task in dag["tasks"][other])) for task in CHAIN
    }
    links = {task: read["links"] for task, read in dag["as_scheduled"].items() if read["links"]}
    assert links == {"convert_to_tfrecord": ["Job"], "train": ["Job", "TensorBoard"]}


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_retries_every_task_and_lets_one_run_at_a_time_touch_an_endpoint(
    parsed: dict[str, Any], dag_id: str
) -> None:
    dag = parsed["dags"][dag_id]
    assert min(dag["retries"].values()) >= 2
    assert dag["alone"] == ["promote", "smoke_predict"]
    assert dag["catchup"] is False


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_can_be_triggered_without_a_field_filled_in(parsed: dict[str, Any], dag_id: str) -> None:
    params = parsed["dags"][dag_id]["params"]
    assert params["source"]["type"] == ["null", "string"]
    assert params["promote"]["type"] == "boolean"
    assert all(schema["type"] for schema in params.values())


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_file_is_short(dag_id: str) -> None:
    assert len((DAGS / f"{dag_id}.py").read_text().splitlines()) <= 40
