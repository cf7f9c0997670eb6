"""Cloud Monitoring's series of online predictions, read over the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from google.api_core import exceptions

PREFIX = "aiplatform.googleapis.com/prediction/online/"


def series(vertex: Any, metric: str, since: datetime, **changes: str) -> list[dict[str, Any]]:
    query = {
        "filter": f'metric.type = "{PREFIX}{metric}"',
        "interval.startTime": since.isoformat(),
        "interval.endTime": datetime.now(UTC).isoformat(),
        **changes,
    }
    url = f"http://127.0.0.1:{vertex.emulator.port}/v3/projects/{vertex.project}/timeSeries"
    answer = httpx.get(url, params=query)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json().get("timeSeries", [])
    return found


def total(found: dict[str, Any]) -> int:
    return sum(int(point["value"]["int64Value"]) for point in found["points"])


@pytest.fixture
def asked(vertex: Any) -> tuple[str, str, datetime]:
    """An endpoint whose model answered three requests of two instances, and refused one."""
    begun = datetime.now(UTC)
    endpoint = vertex.create_endpoint("watched").name
    deployed = vertex.deploy(endpoint, vertex.upload().model, {"0": 100})
    for _ in range(3):
        vertex.predict(endpoint, "a", "b")
    with pytest.raises(exceptions.BadRequest):
        vertex.predict(endpoint, "refuse")
    return endpoint, deployed.id, begun


def test_counts_are_of_predictions_responses_and_errors(vertex: Any, asked: Any) -> None:
    _, deployed, begun = asked
    (predictions,) = series(vertex, "prediction_count", begun)
    (errors,) = series(vertex, "error_count", begun)
    responses = series(vertex, "response_count", begun)
    codes = {one["metric"]["labels"]["response_code"]: total(one) for one in responses}
    assert (total(predictions), total(errors), codes) == (7, 1, {"200": 3, "400": 1})
    assert predictions["metric"]["labels"] == {"deployed_model_id": deployed}
    labels = {"resource_container": vertex.project, "location": "us-central1", "endpoint_id": "watched"}
    assert predictions["resource"] == {"type": "aiplatform.googleapis.com/Endpoint", "labels": labels}
    assert (predictions["metricKind"], predictions["valueType"]) == ("DELTA", "INT64")


def test_latencies_are_a_distribution_in_milliseconds(vertex: Any, asked: Any) -> None:
    (found,) = series(vertex, "prediction_latencies", asked[2])
    values = [point["value"]["distributionValue"] for point in found["points"]]
    assert sum(int(value["count"]) for value in values) == 4
    for value in values:
        assert sum(map(int, value["bucketCounts"])) == int(value["count"])
        assert 0 < value["mean"] < 10_000
    assert found["metric"]["labels"]["latency_type"] == "total"


def test_series_of_another_time_project_or_endpoint_are_empty(vertex: Any, asked: Any) -> None:
    time.sleep(0.01)
    assert series(vertex, "prediction_count", datetime.now(UTC)) == []
    other = 'resource.labels.endpoint_id = "other"'
    assert series(vertex, "", asked[2], filter=other) == []
    url = f"http://127.0.0.1:{vertex.emulator.port}/v3/projects/nobody/timeSeries"
    now = datetime.now(UTC)
    query = {
        "filter": f'metric.type = "{PREFIX}prediction_count"',
        "interval.startTime": (now - timedelta(hours=1)).isoformat(),
        "interval.endTime": now.isoformat(),
    }
    assert httpx.get(url, params=query).json() == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"filter": ""},
        {"interval.startTime": "yesterday"},
        {"interval.startTime": "2999-01-01T00:00:00Z"},
        {"aggregation.alignmentPeriod": "60s"},
    ],
)
def test_request_that_is_wrong_is_refused(vertex: Any, changes: dict[str, str]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        series(vertex, "prediction_count", datetime.now(UTC) - timedelta(hours=1), **changes)
