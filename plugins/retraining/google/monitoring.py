"""Figures of an endpoint's predictions, from Cloud Monitoring's series `prediction/online/*`.

https://cloud.google.com/monitoring/api/metrics_gcp_a_b#gcp-aiplatform
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retraining.google import Clients

PERCENTILE = 0.95

_PREFIX = "aiplatform.googleapis.com/prediction/online/"
_RETRIES = 4


@dataclass(frozen=True, kw_only=True)
class EndpointHealth:
    """Predictions of one deployment since a time, as far as the service has counted them.

    Attributes:
        requests: their number.
        errors: number of those that failed.
        latency_seconds: their 95th percentile; None without requests.
    """

    requests: int
    errors: int
    latency_seconds: float | None


class Monitoring:
    """Cloud Monitoring through one connection; needs the permission `monitoring.timeSeries.list`.

    What the service can't answer now, too many requests included, is asked again a few times; what it refuses
    isn't.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def health(self, endpoint_id: str, deployment_id: str, *, since: datetime) -> EndpointHealth:
        """Return what became of a deployment's predictions since a time.

        The service shows them some minutes later.

        Args:
            endpoint_id: the endpoint.
            deployment_id: id of the deployed model.
            since: the begin, with its zone.

        Raises:
            googleapiclient.errors.HttpError: the service refuses, or can't answer.
        """
        counts = {
            name: sum(
                int(point["value"]["int64Value"])
                for series in self._series(name, endpoint_id, deployment_id, since)
                for point in series["points"]
            )
            for name in ("response_count", "error_count")
        }
        latencies = [
            point["value"]["distributionValue"]
            for series in self._series("prediction_latencies", endpoint_id, deployment_id, since)
            if series["metric"]["labels"].get("latency_type", "total") == "total"
            for point in series["points"]
        ]
        return EndpointHealth(
            requests=counts["response_count"],
            errors=counts["error_count"],
            latency_seconds=latency_percentile(latencies),
        )

    def _series(
        self, name: str, endpoint_id: str, deployment_id: str, since: datetime
    ) -> list[Mapping[str, Any]]:
        series = self._clients.monitoring.projects().timeSeries()
        request = series.list(
            name=f"projects/{self._clients.project}",
            filter=f'metric.type = "{_PREFIX}{name}" AND resource.labels.endpoint_id = "{endpoint_id}" '
            f'AND metric.labels.deployed_model_id = "{deployment_id}"',
            interval_startTime=since.astimezone(UTC).isoformat(),
            interval_endTime=datetime.now(UTC).isoformat(),
        )
        found: list[Mapping[str, Any]] = []
        while request is not None:
            page = request.execute(num_retries=_RETRIES)
            found += page.get("timeSeries", [])
            request = series.list_next(request, page)
        return found


def latency_percentile(distributions: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the 95th percentile of latencies in seconds, the upper bound of its bucket; None without any.

    Args:
        distributions: of milliseconds.
            https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#Distribution
    """
    counts: Counter[float] = Counter()
    for found in distributions:
        for index, count in enumerate(map(int, found.get("bucketCounts", []))):
            if count:
                counts[_upper_bound(found["bucketOptions"], index)] += count
    bounds = sorted(counts)
    for bound, reached in zip(bounds, accumulate(counts[bound] for bound in bounds), strict=True):
        if reached >= PERCENTILE * counts.total():
            return bound / 1000
    return None


def _upper_bound(options: Mapping[str, Any], index: int) -> float:
    """Return the upper bound of a bucket; of the last, which has none, the lower one."""
    if "explicitBuckets" in options:
        bounds = options["explicitBuckets"]["bounds"]
        return float(bounds[min(index, len(bounds) - 1)])
    if "linearBuckets" in options:
        linear = options["linearBuckets"]
        return float(linear.get("offset", 0) + linear["width"] * min(index, linear["numFiniteBuckets"]))
    exponential = options["exponentialBuckets"]
    power = min(index, exponential["numFiniteBuckets"])
    return float(exponential["scale"] * exponential["growthFactor"] ** power)
