"""Time series of online predictions: collected from requests, aligned, and reduced.

The metrics: https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from emulator.errors import InvalidArgument
from emulator.vertex.serving_metrics import LatencyDistribution, PredictionRecord

MINUTE = 60.0

_LATENCIES = "prediction_latencies"
METRICS: Mapping[str, str] = {
    "prediction_count": "1",
    "response_count": "1",
    "error_count": "1",
    _LATENCIES: "ms",
}
"""Units of the metrics, by their names."""

_PERCENTILES = {"05": 0.05, "50": 0.5, "95": 0.95, "99": 0.99}
_SUMS = frozenset({"", "ALIGN_DELTA", "ALIGN_SUM"})
ALIGNERS = frozenset(
    {"ALIGN_DELTA", "ALIGN_SUM", "ALIGN_RATE", *(f"ALIGN_PERCENTILE_{p}" for p in _PERCENTILES)}
)
REDUCERS = frozenset(
    {
        *("REDUCE_SUM", "REDUCE_MEAN", "REDUCE_MIN", "REDUCE_MAX", "REDUCE_COUNT"),
        *(f"REDUCE_PERCENTILE_{p}" for p in _PERCENTILES),
    }
)

Value: TypeAlias = int | float | LatencyDistribution
Labels: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """Alignment and reduction of series.

    Attributes:
        aligner: its name; empty leaves the points of each minute.
        seconds: length of the periods.
        reducer: its name; empty leaves every series.
        fields: labels that reduced series keep, each with its owner: `("metric", "response_code")`.
    """

    aligner: str = ""
    seconds: float = MINUTE
    reducer: str = ""
    fields: frozenset[tuple[str, str]] = frozenset()

    @property
    def makes_gauges(self) -> bool:
        """True if the values aren't increments any more."""
        return self.aligner not in _SUMS or self.reducer not in ("", "REDUCE_SUM", "REDUCE_MIN", "REDUCE_MAX")

    def unit(self, metric: str) -> str:
        """Return the unit of a metric's values."""
        if self.reducer == "REDUCE_COUNT":
            return "1"
        return "1/s" if self.aligner == "ALIGN_RATE" else METRICS[metric]


@dataclass(frozen=True, kw_only=True, order=True)
class Period:
    """Time of a point, in seconds since 1970; the begin is excluded."""

    end: float
    start: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """One time series.

    Attributes:
        metric: labels of the metric.
        resource: labels of the endpoint.
        points: value of each period, the newest first.
    """

    metric: Labels
    resource: Labels
    points: Mapping[Period, Value]


def collect(
    metric: str, records: Iterable[PredictionRecord], interval: Period, aggregation: Aggregation
) -> Iterator[Series]:
    """Yield the series of a metric, aligned.

    Args:
        metric: one of `METRICS`.
        records: the requests of the interval.
        interval: ends the first and the last minute, and is what longer periods are counted back from.
        aggregation: whose aligner is used.

    Raises:
        InvalidArgument: the aligner takes no values of this metric.
    """
    found: dict[tuple[str, Labels], dict[Period, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        period = _period(record.time, interval, aggregation)
        for labels, number in _observations(metric, record):
            found[record.endpoint, labels][period].append(number)
    for (endpoint, labels), periods in found.items():
        _, project, _, location, _, endpoint_id = endpoint.split("/")
        points = {
            period: _aligned(_total(metric, periods[period]), aggregation)
            for period in sorted(periods, reverse=True)
        }
        yield Series(
            metric=labels,
            resource=(
                ("resource_container", project), ("location", location), ("endpoint_id", endpoint_id),
            ),
            points=points,
        )  # fmt: skip


def reduce_series(found: Iterable[Series], aggregation: Aggregation) -> list[Series]:
    """Combine all series that agree in the fields of the aggregation.

    Raises:
        InvalidArgument: the reducer takes no such values.
    """
    groups: dict[tuple[Labels, Labels], dict[Period, list[Value]]] = defaultdict(lambda: defaultdict(list))
    for series in found:
        metric = tuple(label for label in series.metric if ("metric", label[0]) in aggregation.fields)
        resource = tuple(label for label in series.resource if ("resource", label[0]) in aggregation.fields)
        for period, value in series.points.items():
            groups[metric, resource][period].append(value)
    return [
        Series(
            metric=metric,
            resource=resource,
            points={
                period: _reduced(periods[period], aggregation.reducer)
                for period in sorted(periods, reverse=True)
            },
        )
        for (metric, resource), periods in groups.items()
    ]


def _observations(metric: str, record: PredictionRecord) -> Iterator[tuple[Labels, float]]:
    """Yield what a request adds to a metric: the labels of a series, with a number or milliseconds."""
    model = ("deployed_model_id", record.deployed_model_id)
    if metric == "prediction_count":
        yield (model,), record.predictions
    elif metric == "response_count":
        yield (model, ("response_code", f"{record.code // 100}xx")), 1
    elif metric == _LATENCIES:
        for latency_type, seconds in (
            ("total", record.seconds),
            ("model", record.model_seconds),
            ("overhead", record.seconds - record.model_seconds),
        ):
            yield (model, ("latency_type", latency_type)), 1000 * seconds
    elif record.code >= 400:
        yield (model,), 1


def _period(time: float, interval: Period, aggregation: Aggregation) -> Period:
    if aggregation.aligner:
        whole = (interval.end - time) // aggregation.seconds
        end = interval.end - whole * aggregation.seconds
        return Period(start=end - aggregation.seconds, end=end)
    end = math.ceil(time / MINUTE) * MINUTE
    return Period(start=max(end - MINUTE, interval.start), end=min(end, interval.end))


def _total(metric: str, numbers: Sequence[float]) -> Value:
    return LatencyDistribution.of(numbers) if metric == _LATENCIES else int(sum(numbers))


def _aligned(value: Value, aggregation: Aggregation) -> Value:
    name = aggregation.aligner
    if name in _SUMS:
        return value
    if isinstance(value, LatencyDistribution):
        if name != "ALIGN_RATE":
            return value.percentile(_PERCENTILES[name.rpartition("_")[2]])
    elif name == "ALIGN_RATE":
        return value / aggregation.seconds
    raise InvalidArgument(f"aggregation.perSeriesAligner: {name} takes no {_kind(value)}")


def _reduced(values: Sequence[Value], name: str) -> Value:
    if name == "REDUCE_COUNT":
        return len(values)
    distributions = [value for value in values if isinstance(value, LatencyDistribution)]
    if distributions:
        merged = LatencyDistribution.merged(distributions)
        if name == "REDUCE_SUM":
            return merged
        if name.startswith("REDUCE_PERCENTILE"):
            return merged.percentile(_PERCENTILES[name.rpartition("_")[2]])
    else:
        numbers = [value for value in values if not isinstance(value, LatencyDistribution)]
        if name == "REDUCE_SUM":
            return sum(numbers)
        if name == "REDUCE_MEAN":
            return sum(numbers) / len(numbers)
        if name in ("REDUCE_MIN", "REDUCE_MAX"):
            return min(numbers) if name == "REDUCE_MIN" else max(numbers)
    raise InvalidArgument(f"aggregation.crossSeriesReducer: {name} takes no {_kind(values[0])}")


def _kind(value: Value) -> str:
    return "distributions" if isinstance(value, LatencyDistribution) else "numbers"
