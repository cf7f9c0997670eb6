"""Cloud Monitoring, API v3.

Time series of online predictions, `aiplatform.googleapis.com/prediction/online/` with `prediction_count`,
`response_count`, `error_count` and `prediction_latencies`, by endpoint and deployed model. Deviations:

- A series is there with the first request, without the minutes that the service lags behind, and is lost when
  the emulator ends.
- `aggregation` is refused: the points are those of each minute.
- `filter` takes what the Logging query language has; `one_of`, `starts_with` and other functions are refused.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import InvalidArgument
from emulator.filters import parse_filter
from emulator.routing import Route
from emulator.vertex.serving_metrics import PredictionRecord, ServingMetrics

_SERVICE = "Cloud Monitoring"
_PREFIX = "aiplatform.googleapis.com/prediction/online/"
_RESOURCE = "aiplatform.googleapis.com/Endpoint"
_MINUTE = 60.0
_FINITE_BUCKETS, _GROWTH, _SCALE = 66, 1.4, 0.01
_BOUNDS = [_SCALE * _GROWTH**index for index in range(_FINITE_BUCKETS + 1)]
"""Upper bounds of the latency's buckets in milliseconds, but for the last, which has none."""

Labels = tuple[tuple[str, str], ...]


class MonitoringService:
    """Cloud Monitoring v3, as far as it reads the series of online predictions."""

    def __init__(self, metrics: ServingMetrics) -> None:
        self._metrics = metrics

    @property
    def routes(self) -> list[Route]:
        """Route of `timeSeries.list`, and of the methods that aren't emulated."""
        name = "{name=projects/*}"
        return [
            Route(_SERVICE, "monitoring.timeSeries.list", "GET", f"/v3/{name}/timeSeries", self.list_series),
            Route(_SERVICE, "monitoring.timeSeries.create", "POST", f"/v3/{name}/timeSeries", None),
            Route(_SERVICE, "monitoring.timeSeries.query", "POST", f"/v3/{name}/timeSeries:query", None),
            Route(
                _SERVICE, "monitoring.metricDescriptors.list", "GET", f"/v3/{name}/metricDescriptors", None
            ),
            Route(_SERVICE, "monitoring.alertPolicies.list", "GET", f"/v3/{name}/alertPolicies", None),
        ]

    def start(self) -> None:
        """Do nothing: the service has no background work."""

    def stop(self) -> None:
        """Do nothing: the service has no background work."""

    async def list_series(self, request: Request, fields: Mapping[str, str]) -> Response:
        """Handle `timeSeries.list`."""
        query = request.query_params
        if any(key.startswith(("aggregation", "secondaryAggregation")) for key in query):
            raise InvalidArgument("aggregation: not emulated; expected none, to read each minute's points")
        if not query.get("filter"):
            raise InvalidArgument("filter: expected one with a metric.type, received nothing")
        start, end = _time(query, "interval.startTime"), _time(query, "interval.endTime")
        if start > end:
            raise InvalidArgument("interval.startTime: expected a time before interval.endTime")
        found = await run_in_threadpool(self._list, fields["name"], query["filter"], start, end)
        return JSONResponse({"timeSeries": found, "unit": "1"} if found else {})

    def _list(self, project: str, text: str, start: float, end: float) -> list[dict[str, Any]]:
        condition = parse_filter(text)
        records = [one for one in self._metrics.between(start, end) if one.endpoint.startswith(f"{project}/")]
        return [series for series in _all_series(records) if condition.matches(series)]


def _all_series(records: list[PredictionRecord]) -> Iterable[dict[str, Any]]:
    failed = [one for one in records if one.code >= 400]
    for name, chosen, with_code in (
        ("prediction_count", records, False),
        ("response_count", records, True),
        ("error_count", failed, False),
    ):
        weigh: Callable[[PredictionRecord], int] = (
            (lambda one: one.predictions) if name == "prediction_count" else (lambda _: 1)
        )
        for key, group in _grouped(chosen, with_code=with_code).items():
            values: dict[float, dict[str, Any]] = {
                minute: {"int64Value": str(sum(map(weigh, inside)))} for minute, inside in _minutes(group)
            }
            yield _series(name, key, "INT64", values)
    for key, group in _grouped(records, with_code=False).items():
        latencies: dict[float, dict[str, Any]] = {
            minute: {"distributionValue": _distribution(inside)} for minute, inside in _minutes(group)
        }
        (endpoint, labels) = key
        yield _series(
            "prediction_latencies",
            (endpoint, (*labels, ("latency_type", "total"))),
            "DISTRIBUTION",
            latencies,
        )


def _grouped(
    records: Iterable[PredictionRecord], *, with_code: bool
) -> dict[tuple[str, Labels], list[PredictionRecord]]:
    groups: dict[tuple[str, Labels], list[PredictionRecord]] = defaultdict(list)
    for one in records:
        labels: Labels = (("deployed_model_id", one.deployed_model_id),)
        if with_code:
            labels = (*labels, ("response_code", str(one.code)))
        groups[one.endpoint, labels].append(one)
    return groups


def _minutes(records: Iterable[PredictionRecord]) -> Iterable[tuple[float, list[PredictionRecord]]]:
    """Return the records by the begin of their minute, the newest minute first."""
    found: dict[float, list[PredictionRecord]] = defaultdict(list)
    for one in records:
        found[one.time // _MINUTE * _MINUTE].append(one)
    return sorted(found.items(), reverse=True)


def _distribution(records: list[PredictionRecord]) -> dict[str, Any]:
    """Return the Distribution of latencies in milliseconds.

    https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#Distribution
    """
    milliseconds = [1000 * one.seconds for one in records]
    counts = [0] * (_FINITE_BUCKETS + 2)
    for value in milliseconds:
        counts[bisect.bisect_right(_BOUNDS, value)] += 1
    mean = sum(milliseconds) / len(milliseconds)
    while counts[-1] == 0:
        counts.pop()
    return {
        "count": str(len(milliseconds)),
        "mean": mean,
        "sumOfSquaredDeviation": sum((value - mean) ** 2 for value in milliseconds),
        "bucketOptions": {
            "exponentialBuckets": {
                "numFiniteBuckets": _FINITE_BUCKETS, "growthFactor": _GROWTH, "scale": _SCALE,
            }
        },
        "bucketCounts": [str(count) for count in counts],
    }  # fmt: skip


def _series(
    name: str, key: tuple[str, Labels], value_type: str, values: Mapping[float, dict[str, Any]]
) -> dict[str, Any]:
    endpoint, labels = key
    _, project, _, location, _, endpoint_id = endpoint.split("/")
    return {
        "metric": {"type": _PREFIX + name, "labels": dict(labels)},
        "resource": {
            "type": _RESOURCE,
            "labels": {"resource_container": project, "location": location, "endpoint_id": endpoint_id},
        },
        "metricKind": "DELTA",
        "valueType": value_type,
        "points": [
            {"interval": {"startTime": _text(minute), "endTime": _text(minute + _MINUTE)}, "value": value}
            for minute, value in values.items()
        ],
    }


def _time(query: Mapping[str, str], field: str) -> float:
    try:
        return datetime.fromisoformat(query[field]).timestamp()
    except (KeyError, ValueError) as error:
        received = query.get(field, "nothing")
        raise InvalidArgument(f"{field}: expected a time of RFC 3339, received {received!r}") from error


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")
