"""Cloud Monitoring's series of online predictions, read by Google's client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from googleapiclient import discovery
from googleapiclient.errors import HttpError

PREFIX = "aiplatform.googleapis.com/prediction/online/"


@pytest.fixture(scope="module")
def monitoring(emulator: Any) -> Iterator[Any]:
    client = discovery.build(
        "monitoring",
        "v3",
        credentials=emulator.credentials,
        client_options={"api_endpoint": emulator.url},
        static_discovery=True,
        cache_discovery=False,
    )
    yield client
    client.close()


def read(monitoring: Any, vertex: Any, metric: str, since: datetime, **changes: Any) -> dict[str, Any]:
    """One answer for the requests since a time."""
    query = {
        "filter": f'metric.type = "{PREFIX}{metric}"',
        "interval_startTime": since.isoformat(),
        "interval_endTime": datetime.now(UTC).isoformat(),
        **changes,
    }
    answer: dict[str, Any] = (
        monitoring.projects().timeSeries().list(name=f"projects/{vertex.project}", **query).execute()
    )
    return answer


def series(*arguments: Any, **changes: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read(*arguments, **changes).get("timeSeries", [])
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


def response_codes(monitoring: Any, vertex: Any, since: datetime) -> dict[str, int]:
    found = series(monitoring, vertex, "response_count", since)
    return {one["metric"]["labels"]["response_code"]: total(one) for one in found}


def test_counts_are_of_predictions_responses_and_errors(monitoring: Any, vertex: Any, asked: Any) -> None:
    _, deployed, begun = asked
    (predictions,) = series(monitoring, vertex, "prediction_count", begun)
    (errors,) = series(monitoring, vertex, "error_count", begun)
    codes = response_codes(monitoring, vertex, begun)
    assert (total(predictions), total(errors), codes) == (7, 1, {"2xx": 3, "4xx": 1})
    assert predictions["metric"]["labels"] == {"deployed_model_id": deployed}
    labels = {"resource_container": vertex.project, "location": "us-central1", "endpoint_id": "watched"}
    assert predictions["resource"] == {"type": "aiplatform.googleapis.com/Endpoint", "labels": labels}
    assert (predictions["metricKind"], predictions["valueType"]) == ("DELTA", "INT64")


def test_latencies_are_distributions_in_milliseconds(monitoring: Any, vertex: Any, asked: Any) -> None:
    answer = read(monitoring, vertex, "prediction_latencies", asked[2])
    assert answer["unit"] == "ms"
    means = {}
    for found in answer["timeSeries"]:
        values = [point["value"]["distributionValue"] for point in found["points"]]
        assert sum(int(value["count"]) for value in values) == 4
        for value in values:
            assert sum(map(int, value["bucketCounts"])) == int(value["count"])
        means[found["metric"]["labels"]["latency_type"]] = values[0]["mean"]
    assert set(means) == {"total", "model", "overhead"}
    assert 0 < means["overhead"] < means["total"] < 10_000
    assert means["total"] == pytest.approx(means["model"] + means["overhead"])


def test_raw_predictions_timeouts_and_broken_servers_count(monitoring: Any, vertex: Any) -> None:
    begun = datetime.now(UTC)
    fields = {
        "display_name": "d",
        "dedicated_endpoint_enabled": True,
        "client_connection_config": {"inference_timeout": {"seconds": 1}},
    }
    request = {"parent": vertex.parent, "endpoint": fields, "endpoint_id": "slow"}
    slow = vertex.endpoints.create_endpoint(request=request).result(timeout=60).name
    vertex.deploy(slow, vertex.upload("slow").model, {"0": 100})
    with pytest.raises(exceptions.GatewayTimeout):
        vertex.predict(slow, "a")
    assert response_codes(monitoring, vertex, begun) == {"5xx": 1}
    (found,) = series(
        monitoring,
        vertex,
        "prediction_latencies",
        begun,
        filter=f'metric.type = "{PREFIX}prediction_latencies" AND metric.labels.latency_type = "model"',
    )
    assert found["points"][0]["value"]["distributionValue"]["mean"] == pytest.approx(1000, abs=900)

    begun = datetime.now(UTC)
    other = vertex.create_endpoint("other").name
    vertex.deploy(other, vertex.upload().model, {"0": 100})
    for path, instance in (("rawPredict", "a"), ("rawPredict", "refuse"), ("predict", "die")):
        vertex.emulator.http.post(f"/v1/{other}:{path}", json={"instances": [instance]})
    assert response_codes(monitoring, vertex, begun) == {"2xx": 1, "4xx": 1, "5xx": 1}


def test_answer_without_predictions_counts_as_an_error(monitoring: Any, vertex: Any) -> None:
    begun = datetime.now(UTC)
    endpoint = vertex.create_endpoint("odd").name
    vertex.deploy(endpoint, vertex.upload().model, {"0": 100})
    with pytest.raises(exceptions.InternalServerError):
        vertex.predict(endpoint, "no predictions")
    assert response_codes(monitoring, vertex, begun) == {"5xx": 1}


def test_aggregation_sums_over_all_response_codes(monitoring: Any, vertex: Any, asked: Any) -> None:
    aggregation = {
        "aggregation_alignmentPeriod": "3600s",
        "aggregation_perSeriesAligner": "ALIGN_DELTA",
        "aggregation_crossSeriesReducer": "REDUCE_SUM",
        "aggregation_groupByFields": ["metric.labels.deployed_model_id"],
    }
    (found,) = series(monitoring, vertex, "response_count", asked[2], **aggregation)
    assert found["metric"]["labels"] == {"deployed_model_id": asked[1]}
    assert [point["value"] for point in found["points"]] == [{"int64Value": "4"}]


def test_pages_hold_all_points_once(monitoring: Any, vertex: Any, asked: Any) -> None:
    pages = monitoring.projects().timeSeries()
    request = pages.list(
        name=f"projects/{vertex.project}",
        filter=f'metric.type = "{PREFIX}response_count"',
        interval_startTime=asked[2].isoformat(),
        interval_endTime=datetime.now(UTC).isoformat(),
        pageSize=1,
        view="FULL",
    )
    counted, sizes = 0, []
    while request is not None:
        answer = request.execute()
        sizes.append(sum(len(found["points"]) for found in answer["timeSeries"]))
        counted += sum(map(total, answer["timeSeries"]))
        request = pages.list_next(request, answer)
    assert counted == 4
    assert set(sizes) == {1}


def test_series_of_another_time_project_or_endpoint_are_empty(
    monitoring: Any, vertex: Any, asked: Any
) -> None:
    time.sleep(0.01)
    assert series(monitoring, vertex, "prediction_count", datetime.now(UTC)) == []
    both = f'metric.type = "{PREFIX}prediction_count" AND resource.labels.endpoint_id = '
    for endpoint, number in (("other", 0), ("watched", 1)):
        found = series(monitoring, vertex, "", asked[2], filter=f'{both}"{endpoint}"')
        assert len(found) == number
    query = {
        "name": "projects/nobody",
        "filter": f'metric.type = "{PREFIX}prediction_count"',
        "interval_startTime": asked[2].isoformat(),
        "interval_endTime": datetime.now(UTC).isoformat(),
    }
    assert monitoring.projects().timeSeries().list(**query).execute() == {}


def test_series_end_with_the_emulator(own_vertex: Any) -> None:
    endpoint = own_vertex.create_endpoint("watched").name
    own_vertex.deploy(endpoint, own_vertex.upload().model, {"0": 100})
    own_vertex.predict(endpoint, "a")
    begun = datetime.now(UTC) - timedelta(minutes=5)
    query = {
        "filter": f'metric.type = "{PREFIX}prediction_count"',
        "interval.startTime": begun.isoformat(),
        "interval.endTime": (begun + timedelta(hours=1)).isoformat(),
    }
    url, own = f"/v3/projects/{own_vertex.project}/timeSeries", own_vertex.emulator
    assert len(own.http.get(url, params=query).json()["timeSeries"]) == 1
    own_vertex.emulator.restart()
    assert own.http.get(url, params=query).json() == {}


def test_request_that_is_wrong_is_refused(monitoring: Any, vertex: Any) -> None:
    with pytest.raises(HttpError) as caught:
        read(monitoring, vertex, "prediction_count", datetime.now(UTC) + timedelta(hours=1))
    assert caught.value.status_code == 400
    assert "interval.startTime" in str(caught.value)


def test_method_that_is_not_emulated_answers_501(monitoring: Any, vertex: Any) -> None:
    with pytest.raises(HttpError) as caught:
        monitoring.projects().metricDescriptors().list(name=f"projects/{vertex.project}").execute()
    assert caught.value.status_code == 501
