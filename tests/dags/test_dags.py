"""The DAG files: they parse, quickly, into the chain."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from retraining.spec import read_spec
from trainer.task import parse

DAGS = Path(__file__).parents[2] / "dags"
MAINTENANCE = {"housekeeping": ["remove"], "model_rollback": ["decide"]}
FILES = sorted({path.stem for path in DAGS.glob("*.py")} - set(MAINTENANCE))
CHAIN = (
    "upload_data",
    "convert_to_tfrecord",
    "train",
    "validate_export",
    "create_model_version",
    "smoke_predict",
    "promote",
)
WITH_A_SEARCH = {"census_training"}
BY_MONTH = {"yellow_taxi_training"}
WITH_NEW_DATA = {"flowers_training": ["flowers"]}
WITH_AN_APPROVAL = {"taxifare_training"}
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


def chain(dag_id: str) -> tuple[str, ...]:
    """The tasks of a DAG in their order."""
    search = ["tune"] if dag_id in WITH_A_SEARCH else []
    approval = ["approve"] if dag_id in WITH_AN_APPROVAL else []
    return (*CHAIN[:2], *search, *CHAIN[2:-1], *approval, CHAIN[-1])


def test_dag_files_parse_without_an_error(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert parsed["plugin_errors"] == {}
    assert sorted(parsed["dags"]) == sorted([*FILES, *MAINTENANCE])


@pytest.mark.parametrize("dag_id", MAINTENANCE)
def test_dag_of_maintenance_has_its_tasks_and_a_form(parsed: dict[str, Any], dag_id: str) -> None:
    dag = parsed["dags"][dag_id]
    assert sorted(dag["tasks"]) == MAINTENANCE[dag_id]
    assert dag["catchup"] is False
    assert all(schema["type"] for schema in dag["params"].values())


def test_housekeeping_only_lists_each_week_unless_a_run_says_otherwise(parsed: dict[str, Any]) -> None:
    dag = parsed["dags"]["housekeeping"]
    assert (dag["schedule"], dag["tags"]) == ("@weekly", ["maintenance"])
    assert min(dag["retries"].values()) >= 2
    assert dag["defaults"] == {"dry_run": True}  # of all datasets
    assert dag["params"]["dry_run"]["type"] == "boolean"
    assert dag["params"]["dataset"]["type"] == ["null", "string"]


def test_rollback_offers_every_dataset(parsed: dict[str, Any]) -> None:
    offered = parsed["dags"]["model_rollback"]["params"]["dataset"]["enum"]
    assert offered == [dag_id.removesuffix("_training") for dag_id in FILES]


@pytest.mark.parametrize("module", HEAVY)
def test_parsing_imports_nothing_that_only_the_work_needs(parsed: dict[str, Any], module: str) -> None:
    assert [name for name in parsed["modules"] if name == module or name.startswith(f"{module}.")] == []


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_is_the_chain_in_its_order(parsed: dict[str, Any], dag_id: str) -> None:
    tasks = parsed["dags"][dag_id]["tasks"]
    assert sorted(tasks) == sorted(chain(dag_id))
    for task, following in itertools.pairwise(chain(dag_id)):
        assert following in tasks[task], f"{task} is not followed by {following}"
    assert tasks["promote"] == []


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_is_the_same_to_the_scheduler_which_reads_it_from_the_database(
    parsed: dict[str, Any], dag_id: str
) -> None:
    dag = parsed["dags"][dag_id]
    after = {task: tuple(read["after"]) for task, read in dag["as_scheduled"].items()}
    assert after == {
        task: tuple(sorted(other for other in chain(dag_id) if task in dag["tasks"][other]))
        for task in chain(dag_id)
    }
    links = {task: read["links"] for task, read in dag["as_scheduled"].items() if read["links"]}
    search = {"tune": ["Job"]} if dag_id in WITH_A_SEARCH else {}
    assert links == {"convert_to_tfrecord": ["Job"], "train": ["Job", "TensorBoard"], **search}


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
def test_dag_shows_only_the_fields_that_its_dataset_has(parsed: dict[str, Any], dag_id: str) -> None:
    params = parsed["dags"][dag_id]["params"]
    assert ("tune" in params) == (dag_id in WITH_A_SEARCH)
    assert ("data_until" in params) == ("window" in params) == (dag_id in BY_MONTH)
    assert ("approval" in params) == (dag_id in WITH_AN_APPROVAL)
    assert {"tier", "spot", "model"} <= set(params)


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_with_a_schedule_runs_after_each_month_for_just_that_month(
    parsed: dict[str, Any], dag_id: str
) -> None:
    months = [f"2018-0{month}-01 00:00:00+00:00" for month in range(1, 5)]
    expected = [[start, end, end] for start, end in itertools.pairwise(months)]
    assert parsed["dags"][dag_id]["intervals"] == (expected if dag_id in BY_MONTH else None)


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_runs_with_new_data_where_its_dataset_says_so(parsed: dict[str, Any], dag_id: str) -> None:
    assert parsed["dags"][dag_id]["assets"] == WITH_NEW_DATA.get(dag_id, [])


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_hides_the_model_which_is_no_choice(parsed: dict[str, Any], dag_id: str) -> None:
    spec = read_spec(dag_id.removesuffix("_training"), DAGS)
    assert parsed["dags"][dag_id]["params"]["model"]["const"] == spec.training.arguments["model"]


@pytest.mark.parametrize("dag_id", FILES)
def test_dag_gives_the_trainer_flags_that_it_has(dag_id: str) -> None:
    arguments = read_spec(dag_id.removesuffix("_training"), DAGS).training.arguments
    config = parse(
        ["--data_dir=d", "--job_dir=j", *(f"--{name}={value}" for name, value in arguments.items())]
    )
    assert arguments.items() <= config.parameters().items()
