"""Lineage of a run, as Airflow's OpenLineage provider takes it from the operators."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.utils.state import TaskInstanceState
from openlineage.client.serde import Serde

from retraining_chain import REGION

FILES = {"daisy/1.jpg": b"one", "daisy/2.jpg": b"two", "roses/3.jpg": b"three"}


def extracted(operator: Any) -> dict[str, Any]:
    """The provider's facets of an operator that has succeeded, as JSON."""
    found = ExtractorManager().extract_metadata(
        SimpleNamespace(run_id="manual__1"), operator, TaskInstanceState.SUCCESS, SimpleNamespace()
    )
    document: dict[str, Any] = json.loads(Serde.to_json(found))
    return document


def places(datasets: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(dataset["namespace"], dataset["name"]) for dataset in datasets]


def test_outputs_of_a_task_are_inputs_of_the_next_from_the_source_to_the_endpoint(
    chain: Any, tmp_path: Path
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    events = {task: extracted(operator) for task, operator in chain.whole(str(tmp_path)).items()}
    inputs = {task: places(event["inputs"]) for task, event in events.items()}
    outputs = {task: places(event["outputs"]) for task, event in events.items()}

    upload, convert, train = events["upload_data"], events["convert_to_tfrecord"], events["train"]
    assert inputs["upload_data"] == [("file", str(tmp_path))]
    assert inputs["convert_to_tfrecord"] == outputs["upload_data"]
    assert inputs["train"] == outputs["convert_to_tfrecord"]
    assert inputs["validate_export"] == inputs["create_model_version"] == outputs["train"]
    assert inputs["smoke_predict"] == inputs["promote"] == outputs["create_model_version"]
    assert outputs["promote"] == [(f"vertexai://{chain.project}:{REGION}", "endpoints/flowers")]
    assert outputs["validate_export"] == outputs["smoke_predict"] == []

    (raw,) = upload["outputs"]
    snapshot = raw["facets"]["version"]["datasetVersion"]
    assert raw["namespace"] == f"gs://{chain.bucket}"
    assert raw["name"] == f"datasets/flowers/raw/{snapshot}"
    assert raw["outputFacets"]["outputStatistics"]["fileCount"] == len(FILES)
    assert raw["outputFacets"]["outputStatistics"]["size"] == sum(map(len, FILES.values()))
    assert raw["facets"]["perennial_snapshot"]["snapshot"] == snapshot
    (records,) = convert["outputs"]
    assert records["outputFacets"]["outputStatistics"]["rowCount"] == 10
    assert records["facets"]["perennial_records"]["records"] == {"train": 9, "validation": 1}
    assert records["facets"]["perennial_records"]["rejected"] == {"truncated": 1}
    (exported,) = train["outputs"]
    assert exported["name"].endswith("/model")
    assert exported["facets"]["perennial_evaluation"]["metrics"] == {"accuracy": 0.9, "loss": 0.3}
    (model,) = events["create_model_version"]["outputs"]
    assert model["facets"]["version"]["datasetVersion"] == "1"
    assert model["facets"]["perennial_model"]["snapshot"] == snapshot
    assert events["validate_export"]["run_facets"]["perennial_gate"]["decision"] == "promote"
    assert events["promote"]["run_facets"]["perennial_promotion"]["outcome"] == "promoted"
    (endpoint,) = events["promote"]["outputs"]
    assert endpoint["facets"]["perennial_endpoint"]["model_version"] == "1"


def test_a_version_that_is_declined_has_no_endpoint(chain: Any, tmp_path: Path) -> None:
    (tmp_path / "daisy").mkdir()
    (tmp_path / "daisy" / "1.jpg").write_bytes(b"one")
    operators = chain.with_params(accuracy=0.6).whole(str(tmp_path))
    promotion = extracted(operators["promote"])
    assert promotion["outputs"] == []
    assert promotion["run_facets"]["perennial_promotion"]["outcome"] == "declined"
    assert extracted(operators["smoke_predict"])["inputs"] == []


def test_a_task_that_has_not_ended_has_no_lineage(chain: Any) -> None:
    assert extracted(chain.trainer())["inputs"] == []
