"""Cloud Monitoring, API v3.

Time series of online predictions, `aiplatform.googleapis.com/prediction/online/` with `prediction_count`,
`response_count`, `error_count` and `prediction_latencies`, by endpoint and deployed model. Deviations:

- A request is in its series at once, without the minutes that the service lags behind. A point counts exactly
  the requests of the asked interval, and is cut off at its ends.
- The series are of the last 200,000 requests, and end with the emulator.
- Series have no labels `spot`, `model_display_name` and `endpoint_display_name`. A metric that isn't
  emulated has no series; the service refuses one that it doesn't know.
- Aligners are `ALIGN_DELTA`, `ALIGN_SUM`, `ALIGN_RATE` and `ALIGN_PERCENTILE_*`; reducers are `REDUCE_SUM`,
  `REDUCE_MEAN`, `REDUCE_MIN`, `REDUCE_MAX`, `REDUCE_COUNT` and, of distributions, `REDUCE_PERCENTILE_*`.
  Others and `secondaryAggregation` are refused. A period without requests has no point: none is interpolated.
- `filter` takes what the Logging query language has, without regard to case; `one_of`, `starts_with` and
  other functions are refused.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import InvalidArgument
from emulator.filter_conditions import required_value
from emulator.filters import parse_filter
from emulator.routing import Route
from emulator.time_series import (
    ALIGNERS,
    METRICS,
    MINUTE,
    REDUCERS,
    Aggregation,
    Period,
    Series,
    Value,
    collect,
    reduce_series,
)
from emulator.vertex.serving_metrics import LatencyDistribution, ServingMetrics

_SERVICE = "Cloud Monitoring"
_PREFIX = "aiplatform.googleapis.com/prediction/online/"
_RESOURCE = "aiplatform.googleapis.com/Endpoint"
_VIEWS = frozenset({"FULL", "HEADERS"})
_MOST_RESULTS = 100_000


@dataclass(frozen=True, kw_only=True)
class Query:
    """Request for series.

    Attributes:
        project: `projects/PROJECT`.
        filter: in the language of filters.
        interval: whose requests count.
        aggregation: of the series.
        headers_only: whether points are left out.
        page_size: the most points, or series without points.
        offset: number of those that were returned before.
    """

    project: str
    filter: str
    interval: Period
    aggregation: Aggregation
    headers_only: bool
    page_size: int
    offset: int

    @classmethod
    def parse(cls, project: str, parameters: QueryParams) -> Query:
        """Parse the parameters of `timeSeries.list`.

        Raises:
            InvalidArgument: one of them can't be understood, or isn't emulated.
        """
        if not parameters.get("filter"):
            raise InvalidArgument("filter: expected one with a metric.type, received nothing")
        if parameters.get("orderBy"):
            raise InvalidArgument(f"orderBy: expected nothing, received {parameters['orderBy']!r}")
        if any(key.startswith("secondaryAggregation.") for key in parameters):
            raise InvalidArgument("secondaryAggregation: not emulated")
        end = _time(parameters, "interval.endTime")
        start = _time(parameters, "interval.startTime") if "interval.startTime" in parameters else end
        if start > end:
            raise InvalidArgument("interval.startTime: expected a time before interval.endTime")
        return cls(
            project=project,
            filter=parameters["filter"],
            interval=Period(start=start, end=end),
            aggregation=_aggregation(parameters),
            headers_only=_choice(parameters, "view", "FULL", _VIEWS) == "HEADERS",
            page_size=min(_whole_number(parameters, "pageSize"), _MOST_RESULTS) or _MOST_RESULTS,
            offset=_whole_number(parameters, "pageToken"),
        )


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
        query = Query.parse(fields["name"], request.query_params)
        return JSONResponse(await run_in_threadpool(self._list, query))

    def _list(self, query: Query) -> dict[str, Any]:
        condition = parse_filter(query.filter)
        metric_type = required_value(condition, ("metric", "type"))
        if metric_type is None:
            raise InvalidArgument(f'filter: expected metric.type = "TYPE", received {query.filter!r}')
        metric = metric_type.removeprefix(_PREFIX)
        if metric not in METRICS or metric == metric_type:
            return {}
        records = (
            record
            for record in self._metrics.between(query.interval.start, query.interval.end)
            if record.endpoint.startswith(f"{query.project}/")
        )
        found = [
            series
            for series in collect(metric, records, query.interval, query.aggregation)
            if condition.matches(_view(metric, series, query.project))
        ]
        if query.aggregation.reducer:
            found = reduce_series(found, query.aggregation)
        return _page(found, metric, query)


def _view(metric: str, series: Series, project: str) -> dict[str, Any]:
    """Return a series as filters see it; `label` is another name of `labels`."""
    metric_labels, resource_labels = dict(series.metric), dict(series.resource)
    return {
        "project": project.removeprefix("projects/"),
        "metric": {"type": _PREFIX + metric, "labels": metric_labels, "label": metric_labels},
        "resource": {"type": _RESOURCE, "labels": resource_labels, "label": resource_labels},
    }


def _page(found: Sequence[Series], metric: str, query: Query) -> dict[str, Any]:
    """Return one page, of points or, without them, of series."""
    end, seen, page = query.offset + query.page_size, 0, []
    for series in found:
        size = 1 if query.headers_only else len(series.points)
        first, last = max(0, query.offset - seen), min(size, end - seen)
        if first < last:
            chosen = [] if query.headers_only else list(series.points.items())[first:last]
            header = _header(series, metric, query.aggregation)
            page.append(_with_points(header, replace(series, points=dict(chosen))))
        seen += size
    if not page:
        return {}
    following = {"nextPageToken": str(end)} if seen > end else {}
    return {"timeSeries": page, "unit": query.aggregation.unit(metric), **following}


def _header(series: Series, metric: str, aggregation: Aggregation) -> dict[str, Any]:
    return {
        "metric": {"type": _PREFIX + metric, "labels": dict(series.metric)},
        "resource": {"type": _RESOURCE, "labels": dict(series.resource)},
        "metricKind": "GAUGE" if aggregation.makes_gauges else "DELTA",
        "valueType": _value_type(next(iter(series.points.values()))),
    }


def _with_points(header: dict[str, Any], series: Series) -> dict[str, Any]:
    if not series.points:
        return header
    is_gauge = header["metricKind"] == "GAUGE"
    points = [
        {
            "interval": {
                "startTime": _text(period.end if is_gauge else period.start),
                "endTime": _text(period.end),
            },
            "value": _typed_value(value),
        }
        for period, value in series.points.items()
    ]
    return {**header, "points": points}


def _value_type(value: Value) -> str:
    if isinstance(value, LatencyDistribution):
        return "DISTRIBUTION"
    return "INT64" if isinstance(value, int) else "DOUBLE"


def _typed_value(value: Value) -> dict[str, Any]:
    if isinstance(value, LatencyDistribution):
        return {"distributionValue": value.to_json()}
    return {"int64Value": str(value)} if isinstance(value, int) else {"doubleValue": value}


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")


def _aggregation(parameters: QueryParams) -> Aggregation:
    aligner = _choice(parameters, "aggregation.perSeriesAligner", "ALIGN_NONE", ALIGNERS)
    reducer = _choice(parameters, "aggregation.crossSeriesReducer", "REDUCE_NONE", REDUCERS)
    if reducer and not aligner:
        raise InvalidArgument(f"aggregation.perSeriesAligner: expected one for {reducer}, received nothing")
    if not aligner:
        return Aggregation()
    text = parameters.get("aggregation.alignmentPeriod", "")
    try:
        seconds = float(text.removesuffix("s")) if text.endswith("s") else 0.0
    except ValueError:
        seconds = 0.0
    if not MINUTE <= seconds < math.inf:
        raise InvalidArgument(f"aggregation.alignmentPeriod: expected 60s or more, received {text!r}")
    fields = [_field(name) for name in parameters.getlist("aggregation.groupByFields")]
    return Aggregation(aligner=aligner, seconds=seconds, reducer=reducer, fields=frozenset(fields))


def _field(name: str) -> tuple[str, str]:
    """Return the owner of a field and the label's name; of a type and the project there is one in all."""
    owner, _, rest = name.partition(".")
    labels, _, label = rest.partition(".")
    if owner in ("metric", "resource") and labels in ("label", "labels") and label:
        return owner, label.strip('"')
    if name in ("metric.type", "resource.type", "project"):
        return owner, ""
    expected = "metric.labels.NAME or resource.labels.NAME"
    raise InvalidArgument(f"aggregation.groupByFields: expected {expected}, received {name!r}")


def _choice(parameters: QueryParams, field: str, default: str, known: Collection[str]) -> str:
    """Return the chosen name; the default is empty."""
    name = parameters.get(field, default)
    if name == default:
        return ""
    if name not in known:
        raise InvalidArgument(f"{field}: expected one of {sorted(known)}, received {name!r}")
    return name


def _whole_number(parameters: QueryParams, field: str) -> int:
    text = parameters.get(field) or "0"
    if not (text.isascii() and text.isdecimal()):
        raise InvalidArgument(f"{field}: expected a number, received {text!r}")
    return int(text)


def _time(parameters: QueryParams, field: str) -> float:
    try:
        time = datetime.fromisoformat(parameters[field])
    except (KeyError, ValueError) as error:
        received = parameters.get(field, "nothing")
        raise InvalidArgument(f"{field}: expected a time of RFC 3339, received {received!r}") from error
    if time.tzinfo is None:
        raise InvalidArgument(f"{field}: expected a time with its offset, received {parameters[field]!r}")
    return time.timestamp()
