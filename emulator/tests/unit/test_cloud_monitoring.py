"""Requests for time series of predictions that are in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from emulator.cloud_monitoring import MonitoringService
from emulator.dispatch import Dispatcher
from emulator.faults import Faults
from emulator.routing import Router
from emulator.state import State
from emulator.vertex.serving_metrics import PredictionRecord, ServingMetrics

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
PREFIX = "aiplatform.googleapis.com/prediction/online/"

Read = Callable[..., dict[str, Any]]


@pytest.fixture
def metrics() -> ServingMetrics:
    return ServingMetrics()


async def admit(_request: Any, _match: Any) -> None:
    """Admit everybody."""


@pytest.fixture
def client(tmp_path: Path, metrics: ServingMetrics) -> Iterator[TestClient]:
    state = State(tmp_path / "state.sqlite")
    dispatcher = Dispatcher(Router(MonitoringService(metrics).routes), Faults(state), admit)
    yield TestClient(Starlette(routes=[Mount("/", app=dispatcher)]))
    state.close()


@pytest.fixture
def read(client: TestClient) -> Read:
    """Reads a metric's series of the hour after noon."""

    def read(metric: str = "response_count", *, status: int = 200, **changes: Any) -> dict[str, Any]:
        query = {
            "filter": f'metric.type = "{PREFIX}{metric}"',
            "interval.startTime": "2026-01-31T12:00:00Z",
            "interval.endTime": "2026-01-31T13:00:00Z",
            **{key.replace("__", "."): value for key, value in changes.items()},
        }
        given = {key: value for key, value in query.items() if value is not None}
        answer = client.get("/v3/projects/p/timeSeries", params=given)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return read


def add(metrics: ServingMetrics, second: float, **changes: Any) -> None:
    """Add a request that was answered so many seconds after noon."""
    fields = {
        "time": NOON.timestamp() + second,
        "endpoint": "projects/p/locations/l/endpoints/e",
        "deployed_model_id": "1",
        "code": 200,
        "predictions": 1,
        "seconds": 0.1,
        "model_seconds": 0.08,
        **changes,
    }
    metrics.add(PredictionRecord(**fields))


def aligned(period: str, aligner: str, **changes: Any) -> dict[str, Any]:
    return {
        "aggregation__alignmentPeriod": period,
        "aggregation__perSeriesAligner": aligner,
        **changes,
    }


def reduced(reducer: str) -> dict[str, Any]:
    return aligned("60s", "ALIGN_SUM", aggregation__crossSeriesReducer=reducer)


def values(series: dict[str, Any]) -> list[Any]:
    """The numbers of the points, the newest first."""
    return [next(iter(point["value"].values())) for point in series["points"]]


def code_of(series: dict[str, Any]) -> str | None:
    code: str | None = series["metric"]["labels"].get("response_code")
    return code


def test_points_are_minutes_newest_first(metrics: ServingMetrics, read: Read) -> None:
    for second in (1, 59, 60, 61, 200):
        add(metrics, second)
    (series,) = read()["timeSeries"]
    assert values(series) == ["1", "1", "3"]
    assert [point["interval"]["endTime"] for point in series["points"]] == [
        "2026-01-31T12:04:00Z",
        "2026-01-31T12:02:00Z",
        "2026-01-31T12:01:00Z",
    ]
    assert series["points"][-1]["interval"]["startTime"] == "2026-01-31T12:00:00Z"
    assert (series["metricKind"], series["valueType"]) == ("DELTA", "INT64")


def test_points_are_cut_off_at_the_interval(metrics: ServingMetrics, read: Read) -> None:
    for second in (10, 20, 30, 40):
        add(metrics, second)
    start, end = "2026-01-31T12:00:20Z", "2026-01-31T12:00:40Z"
    (series,) = read(**{"interval.startTime": start, "interval.endTime": end})["timeSeries"]
    assert series["points"] == [
        {"interval": {"startTime": start, "endTime": end}, "value": {"int64Value": "2"}}
    ]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("prediction_count", {None: ["8"]}),
        ("response_count", {"2xx": ["1"], "4xx": ["2"], "5xx": ["1"]}),
        ("error_count", {None: ["3"]}),
    ],
)
def test_counts_of_outcomes(metrics: ServingMetrics, read: Read, metric: str, expected: Any) -> None:
    for code, predictions in ((200, 5), (400, 1), (429, 1), (504, 1)):
        add(metrics, 1, code=code, predictions=predictions)
    found = {code_of(series): values(series) for series in read(metric)["timeSeries"]}
    assert found == expected


def test_latencies_have_three_types(metrics: ServingMetrics, read: Read) -> None:
    add(metrics, 1, seconds=0.25, model_seconds=0.2)
    answer = read("prediction_latencies")
    assert answer["unit"] == "ms"
    means = {
        series["metric"]["labels"]["latency_type"]: values(series)[0]["mean"]
        for series in answer["timeSeries"]
    }
    assert means == pytest.approx({"total": 250, "model": 200, "overhead": 50})


@pytest.mark.parametrize(
    ("condition", "models"),
    [
        ("", ["1", "2", "3"]),
        ('resource.labels.endpoint_id = "e"', ["1", "2"]),
        ('resource.label.endpoint_id = "e" AND metric.label.deployed_model_id = "2"', ["2"]),
        ('NOT metric.labels.deployed_model_id = "1"', ["2", "3"]),
        ('resource.type = "aiplatform.googleapis.com/Location"', []),
        ('(metric.labels.deployed_model_id = "1" OR metric.labels.deployed_model_id = "3")', ["1", "3"]),
        ('project = "p" AND resource.labels.location = "elsewhere"', []),
    ],
)
def test_filter_chooses_series(
    metrics: ServingMetrics, read: Read, condition: str, models: list[str]
) -> None:
    add(metrics, 1, deployed_model_id="1")
    add(metrics, 1, deployed_model_id="2")
    add(metrics, 1, deployed_model_id="3", endpoint="projects/p/locations/l/endpoints/other")
    add(metrics, 1, deployed_model_id="4", endpoint="projects/pp/locations/l/endpoints/e")
    text = f'metric.type = "{PREFIX}response_count"'
    found = read(filter=f"{text} AND {condition}" if condition else text).get("timeSeries", [])
    assert [series["metric"]["labels"]["deployed_model_id"] for series in found] == models


def test_metric_that_is_not_emulated_has_no_series(metrics: ServingMetrics, read: Read) -> None:
    add(metrics, 1)
    assert read("replicas") == {}
    assert read(filter='metric.type = "response_count"') == {}


def test_alignment_counts_back_from_the_interval_s_end(metrics: ServingMetrics, read: Read) -> None:
    for second in (1800, 1801, 3600):
        add(metrics, second)
    (series,) = read(**aligned("1800s", "ALIGN_DELTA"))["timeSeries"]
    assert values(series) == ["2", "1"]
    assert series["points"][0]["interval"] == {
        "startTime": "2026-01-31T12:30:00Z",
        "endTime": "2026-01-31T13:00:00Z",
    }


def test_rate_is_a_gauge_in_a_second(metrics: ServingMetrics, read: Read) -> None:
    for second in range(1, 31):
        add(metrics, second)
    answer = read(**aligned("600s", "ALIGN_RATE"))
    (series,) = answer["timeSeries"]
    assert values(series) == [0.05]
    assert (answer["unit"], series["metricKind"], series["valueType"]) == ("1/s", "GAUGE", "DOUBLE")
    interval = series["points"][0]["interval"]
    assert interval["startTime"] == interval["endTime"]


def test_percentile_of_latencies_is_a_gauge(metrics: ServingMetrics, read: Read) -> None:
    for number in range(100):
        add(metrics, 1, seconds=0.9 if number < 3 else 0.1)
    total = f'metric.type = "{PREFIX}prediction_latencies" AND metric.labels.latency_type = "total"'
    for name, low, high in (("95", 70, 140), ("99", 600, 1300)):
        answer = read(filter=total, **aligned("3600s", f"ALIGN_PERCENTILE_{name}"))
        (series,) = answer["timeSeries"]
        assert low < values(series)[0] < high
        assert (answer["unit"], series["metricKind"], series["valueType"]) == ("ms", "GAUGE", "DOUBLE")


@pytest.mark.parametrize(
    ("reducer", "expected", "kind", "value_type"),
    [
        ("REDUCE_SUM", "6", "DELTA", "INT64"),
        ("REDUCE_MEAN", 2.0, "GAUGE", "DOUBLE"),
        ("REDUCE_MIN", "1", "DELTA", "INT64"),
        ("REDUCE_MAX", "3", "DELTA", "INT64"),
        ("REDUCE_COUNT", "3", "GAUGE", "INT64"),
    ],
)
def test_reduction_over_deployed_models(
    metrics: ServingMetrics, read: Read, reducer: str, expected: Any, kind: str, value_type: str
) -> None:
    for model, requests in (("1", 1), ("2", 3), ("3", 2)):
        for _ in range(requests):
            add(metrics, 1, deployed_model_id=model)
    (series,) = read(**reduced(reducer))["timeSeries"]
    assert values(series) == [expected]
    assert (series["metricKind"], series["valueType"]) == (kind, value_type)
    assert series["metric"]["labels"] == series["resource"]["labels"] == {}


def test_reduction_keeps_the_fields_that_it_groups_by(metrics: ServingMetrics, read: Read) -> None:
    for model, code in (("1", 200), ("1", 500), ("2", 200)):
        add(metrics, 1, deployed_model_id=model, code=code)
    query = aligned(
        "60s",
        "ALIGN_DELTA",
        aggregation__crossSeriesReducer="REDUCE_SUM",
        aggregation__groupByFields=[
            "metric.label.response_code",
            "resource.labels.endpoint_id",
            "metric.type",
        ],
    )
    found = [
        (series["metric"]["labels"], series["resource"]["labels"], values(series))
        for series in read(**query)["timeSeries"]
    ]
    endpoint = {"endpoint_id": "e"}
    assert found == [({"response_code": "2xx"}, endpoint, ["2"]), ({"response_code": "5xx"}, endpoint, ["1"])]


def test_reduction_of_distributions_merges_them(metrics: ServingMetrics, read: Read) -> None:
    for model, seconds in (("1", 0.1), ("1", 0.1), ("2", 0.4)):
        add(metrics, 1, deployed_model_id=model, seconds=seconds, model_seconds=0)
    total = f'metric.type = "{PREFIX}prediction_latencies" AND metric.labels.latency_type = "total"'
    query = aligned("60s", "ALIGN_DELTA", filter=total)
    (merged,) = read(**query, aggregation__crossSeriesReducer="REDUCE_SUM")["timeSeries"]
    assert (values(merged)[0]["count"], values(merged)[0]["mean"]) == ("3", pytest.approx(200))
    assert (merged["metricKind"], merged["valueType"]) == ("DELTA", "DISTRIBUTION")
    (highest,) = read(**query, aggregation__crossSeriesReducer="REDUCE_PERCENTILE_99")["timeSeries"]
    assert 300 < values(highest)[0] < 600


def test_pages_of_points_go_on_within_a_series(metrics: ServingMetrics, read: Read) -> None:
    for second in (1, 61, 121):
        add(metrics, second)
        add(metrics, second, code=400)
    token, pages = None, []
    while True:
        answer = read(pageSize=4, pageToken=token)
        pages.append([(code_of(series), len(series["points"])) for series in answer["timeSeries"]])
        token = answer.get("nextPageToken")
        if token is None:
            break
    assert pages == [[("2xx", 3), ("4xx", 1)], [("4xx", 2)]]


def test_headers_are_series_without_points(metrics: ServingMetrics, read: Read) -> None:
    for second in (1, 61):
        add(metrics, second)
        add(metrics, second, code=400)
    first = read(view="HEADERS", pageSize=1)
    second = read(view="HEADERS", pageSize=1, pageToken=first["nextPageToken"])
    assert [code_of(series) for series in first["timeSeries"] + second["timeSeries"]] == ["2xx", "4xx"]
    assert "points" not in first["timeSeries"][0]
    assert first["timeSeries"][0]["valueType"] == "INT64"
    assert "nextPageToken" not in second


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"filter": None}, "filter"),
        ({"filter": 'resource.labels.endpoint_id = "e"'}, "filter"),
        ({"filter": f'metric.type = "{PREFIX}error_count" AND starts_with("a")'}, "filter"),
        ({"interval.startTime": "yesterday"}, "interval.startTime"),
        ({"interval.startTime": "2026-01-31T12:00:00"}, "interval.startTime"),
        ({"interval.startTime": "2999-01-01T00:00:00Z"}, "interval.startTime"),
        ({"interval.endTime": None}, "interval.endTime"),
        ({"orderBy": "time"}, "orderBy"),
        ({"view": "POINTS"}, "view"),
        ({"pageSize": "-1"}, "pageSize"),
        ({"pageToken": "x"}, "pageToken"),
        ({"secondaryAggregation__perSeriesAligner": "ALIGN_MEAN"}, "secondaryAggregation"),
        (aligned("60s", "ALIGN_STDDEV"), "aggregation.perSeriesAligner"),
        (aligned("59s", "ALIGN_DELTA"), "aggregation.alignmentPeriod"),
        (aligned("1h", "ALIGN_DELTA"), "aggregation.alignmentPeriod"),
        ({"aggregation__perSeriesAligner": "ALIGN_DELTA"}, "aggregation.alignmentPeriod"),
        ({"aggregation__crossSeriesReducer": "REDUCE_SUM"}, "aggregation.perSeriesAligner"),
        (reduced("REDUCE_STDDEV"), "aggregation.crossSeriesReducer"),
        (reduced("REDUCE_PERCENTILE_95"), "aggregation.crossSeriesReducer"),
        (aligned("60s", "ALIGN_PERCENTILE_95"), "aggregation.perSeriesAligner"),
        (aligned("60s", "ALIGN_SUM", aggregation__groupByFields="labels.x"), "aggregation.groupByFields"),
    ],
)
def test_request_that_is_wrong_names_the_field(
    metrics: ServingMetrics, read: Read, changes: dict[str, Any], field: str
) -> None:
    add(metrics, 1)
    assert read(status=400, **changes)["error"]["message"].startswith(field)


@pytest.mark.parametrize("aggregation", [aligned("60s", "ALIGN_RATE"), reduced("REDUCE_MAX")])
def test_aggregation_that_takes_no_distributions_says_so(
    metrics: ServingMetrics, read: Read, aggregation: dict[str, Any]
) -> None:
    add(metrics, 1)
    answer = read("prediction_latencies", status=400, **aggregation)
    assert "distributions" in answer["error"]["message"]
