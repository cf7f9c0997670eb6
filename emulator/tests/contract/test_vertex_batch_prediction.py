"""Google's clients and batch prediction jobs, which the emulator really runs."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform, aiplatform_v1
from google.protobuf import json_format, struct_pb2

from vertex_client import BUCKET, read_from

SUCCEEDED = aiplatform_v1.JobState.JOB_STATE_SUCCEEDED
FAILED = aiplatform_v1.JobState.JOB_STATE_FAILED
CANCELLED = aiplatform_v1.JobState.JOB_STATE_CANCELLED


def run(vertex: Any, job: dict[str, Any]) -> Any:
    return vertex.wait_for_batch_job(vertex.create_batch_job(job).name)


def lines(vertex: Any, job: Any, kind: str) -> list[dict[str, Any]]:
    folder = vertex.file(job.output_info.gcs_output_directory)
    return [
        json.loads(line) for line in (folder / f"prediction.{kind}-00000-of-00001").read_text().splitlines()
    ]


def test_job_predicts_each_line_and_tells_those_that_failed(vertex: Any) -> None:
    model = vertex.upload("good").model
    asked = vertex.batch_job(
        model, '{"x": 1}', "[1, 2]", "{", '"refuse"', "", '"ä"',
        manual_batch_tuning_parameters={"batch_size": 1},
    )  # fmt: skip
    job = run(vertex, asked)
    assert job.state == SUCCEEDED, job.error
    assert job.model_version_id == "1"
    assert job.output_info.gcs_output_directory.startswith(
        asked["output_config"]["gcs_destination"]["output_uri_prefix"] + "/prediction-"
    )
    assert (job.completion_stats.successful_count, job.completion_stats.failed_count) == (3, 2)
    results = lines(vertex, job, "results")
    assert [line["instance"] for line in results] == [{"x": 1}, [1, 2], "ä"]
    assert [line["prediction"]["echo"] for line in results] == [{"x": 1}, [1, 2], "ä"]
    bad, refused = lines(vertex, job, "errors_stats")
    assert "a.jsonl, line 3" in bad["error"]["message"]
    assert (refused["instance"], refused["error"]["code"]) == ("refuse", 3)
    assert "expected anything else" in refused["error"]["message"]


def test_job_with_a_key_sends_the_chosen_fields_and_shows_the_key(vertex: Any) -> None:
    config = {"key_field": "id", "included_fields": ["b", "a"], "instance_type": "array"}
    asked = vertex.batch_job(
        vertex.upload("good").model, '{"id": 7, "a": 1, "b": 2, "c": 3}', '{"a": 1, "b": 2}',
        instance_config=config,
    )  # fmt: skip
    job = run(vertex, asked)
    (line,) = lines(vertex, job, "results")
    assert (line["key"], line["prediction"]["echo"]) == (7, [2, 1])
    assert "instance" not in line
    (error,) = lines(vertex, job, "errors_stats")
    assert "['id']" in error["error"]["message"]


def test_job_by_the_sdk_waits_and_lists_its_output(vertex: Any) -> None:
    url = f"http://127.0.0.1:{vertex.emulator.port}"
    aiplatform.init(
        project=vertex.project, location="us-central1", api_endpoint=url, api_transport="rest",
        credentials=vertex.emulator.credentials,
    )  # fmt: skip
    asked = vertex.batch_job("", '{"x": 1}')
    job = aiplatform.Model(vertex.upload("good").model).batch_predict(
        job_display_name="nightly",
        gcs_source=asked["input_config"]["gcs_source"]["uris"],
        gcs_destination_prefix=asked["output_config"]["gcs_destination"]["output_uri_prefix"],
        machine_type="n1-standard-2",
    )
    assert job.completion_stats.successful_count == 1
    listed = vertex.jobs.list_batch_prediction_jobs(parent=vertex.parent)
    assert [one.name for one in listed] == [job.resource_name]
    job.delete()
    assert not list(vertex.jobs.list_batch_prediction_jobs(parent=vertex.parent))


def test_job_of_a_model_that_can_not_start_fails_with_its_last_lines(vertex: Any) -> None:
    job = vertex.wait_for_batch_job(
        vertex.create_batch_job(vertex.batch_job(vertex.upload("broken").model, "1")).name
    )
    assert job.state == FAILED
    assert "the weights are broken" in job.error.message


def test_job_whose_every_instance_is_refused_fails_and_writes_why(vertex: Any) -> None:
    job = vertex.wait_for_batch_job(
        vertex.create_batch_job(vertex.batch_job(vertex.upload().model, '"refuse"', '"x"')).name
    )
    assert (job.state, job.completion_stats.failed_count) == (FAILED, 2)
    assert [line["instance"] for line in lines(vertex, job, "errors_stats")] == ["refuse", "x"]


def test_job_without_an_object_to_read_fails_and_names_it(vertex: Any) -> None:
    asked = vertex.batch_job(vertex.upload().model, "1")
    asked["input_config"]["gcs_source"]["uris"] = [f"gs://{BUCKET}/nothing/*.jsonl"]
    job = run(vertex, asked)
    assert job.state == FAILED
    assert "gs://vertex-contract/nothing" in job.error.message


def test_cancel_ends_a_job_at_once_with_what_it_had(vertex: Any) -> None:
    asked = vertex.batch_job(
        vertex.upload("slow").model, *("1" for _ in range(20)),
        manual_batch_tuning_parameters={"batch_size": 1},
    )  # fmt: skip
    job = vertex.create_batch_job(asked)
    while (
        vertex.jobs.get_batch_prediction_job(name=job.name).state != aiplatform_v1.JobState.JOB_STATE_RUNNING
    ):
        time.sleep(0.05)
    with pytest.raises(exceptions.BadRequest, match="cancel it before"):
        vertex.jobs.delete_batch_prediction_job(name=job.name)
    vertex.jobs.cancel_batch_prediction_job(name=job.name)
    ended = vertex.wait_for_batch_job(job.name)
    assert ended.state == CANCELLED
    assert ended.completion_stats.successful_count < 20


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (
            {"input_config": {"instances_format": "csv", "gcs_source": {"uris": ["gs://bkt/a"]}}},
            "instances_format",
        ),
        ({"input_config": read_from()}, "gcs_source.uris"),
        (
            {"input_config": {"instances_format": "jsonl", "gcs_source": {"uris": ["/etc/passwd"]}}},
            "gcs_source.uris",
        ),
        ({"dedicated_resources": {}}, "machine_type"),
        ({"display_name": ""}, "display_name"),
        ({"instance_config": {"instance_type": "row"}}, "instance_type"),
        ({"output_config": {"predictions_format": "jsonl"}}, "output_uri_prefix"),
    ],
)
def test_create_of_a_wrong_job_names_the_field(vertex: Any, changes: dict[str, Any], field: str) -> None:
    asked = vertex.batch_job(vertex.upload().model, "1", **changes)
    with pytest.raises(exceptions.BadRequest, match=field):
        vertex.create_batch_job(asked)


def test_create_for_an_unknown_model_is_not_found_and_bigquery_is_not_emulated(vertex: Any) -> None:
    with pytest.raises(exceptions.NotFound):
        vertex.create_batch_job(vertex.batch_job(f"{vertex.parent}/models/none", "1"))
    asked = vertex.batch_job(vertex.upload().model, "1")
    asked["input_config"] = {"instances_format": "bigquery", "bigquery_source": {"input_uri": "bq://p.d.t"}}
    with pytest.raises(exceptions.MethodNotImplemented, match="bigquery_source"):
        vertex.create_batch_job(asked)


def test_parameters_reach_the_server_as_json(vertex: Any) -> None:
    parameters = json_format.ParseDict({"threshold": 0.5}, struct_pb2.Value())
    job = vertex.create_batch_job(vertex.batch_job(vertex.upload().model, "1", model_parameters=parameters))
    assert vertex.wait_for_batch_job(job.name).state == SUCCEEDED
