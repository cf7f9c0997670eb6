"""Figures of online predictions: every request to a deployed model, with its outcome and latencies.

They are in memory alone: the last `MOST_REQUESTS` requests, and none after a restart.
"""

from __future__ import annotations

import bisect
import itertools
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST_REQUESTS = 200_000
"""Some hours of a busy endpoint, in less than 50 MB."""

_FINITE_BUCKETS, _GROWTH, _SCALE = 66, 1.4, 0.01
_BOUNDS = [_SCALE * _GROWTH**index for index in range(_FINITE_BUCKETS + 1)]
"""Upper bounds of the buckets in milliseconds, but for the last, which has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionRecord:
    """One prediction request.

    Attributes:
        time: when it was answered, in seconds since 1970.
        endpoint: the endpoint's resource name.
        deployed_model_id: the deployed model that it was sent to.
        code: HTTP status of the answer.
        predictions: number of its instances.
        seconds: time until the answer.
        model_seconds: the model server's part of it.
    """

    time: float
    endpoint: str
    deployed_model_id: str
    code: int
    predictions: int
    seconds: float
    model_seconds: float


class ServingMetrics:
    """Records of the last prediction requests; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[PredictionRecord] = deque(maxlen=MOST_REQUESTS)

    def add(self, record: PredictionRecord) -> None:
        """Keep a request."""
        with self._lock:
            self._records.append(record)

    def between(self, start: float, end: float) -> list[PredictionRecord]:
        """Return the requests after a time, up to and with another, oldest first; seconds since 1970."""
        with self._lock:
            return [record for record in self._records if start < record.time <= end]


@dataclass(frozen=True, kw_only=True)
class LatencyDistribution:
    """Distribution of latencies in exponential buckets.

    https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TypedValue#Distribution

    Attributes:
        count: number of latencies, at least one.
        mean: in milliseconds.
        squared_deviation: sum of the squared deviations from the mean.
        bucket_counts: number of latencies in each bucket, from the first to the last that has any.
    """

    count: int
    mean: float
    squared_deviation: float
    bucket_counts: tuple[int, ...]

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> LatencyDistribution:
        """Return the distribution of latencies, of which there is at least one."""
        indices = [bisect.bisect_right(_BOUNDS, value) for value in milliseconds]
        mean = sum(milliseconds) / len(milliseconds)
        return cls(
            count=len(milliseconds),
            mean=mean,
            squared_deviation=sum((value - mean) ** 2 for value in milliseconds),
            bucket_counts=tuple(indices.count(index) for index in range(max(indices) + 1)),
        )

    @classmethod
    def merged(cls, parts: Sequence[LatencyDistribution]) -> LatencyDistribution:
        """Return the distribution of all latencies of several."""
        count = sum(part.count for part in parts)
        mean = sum(part.count * part.mean for part in parts) / count
        columns = itertools.zip_longest(*(part.bucket_counts for part in parts), fillvalue=0)
        return cls(
            count=count,
            mean=mean,
            squared_deviation=sum(
                part.squared_deviation + part.count * (part.mean - mean) ** 2 for part in parts
            ),
            bucket_counts=tuple(map(sum, columns)),
        )

    def percentile(self, fraction: float) -> float:
        """Return the latency in milliseconds below which a fraction above 0 lies; linear within a bucket."""
        rank, cumulative = fraction * self.count, list(itertools.accumulate(self.bucket_counts))
        index = bisect.bisect_left(cumulative, rank)
        inside = self.bucket_counts[index]
        share = (rank - cumulative[index] + inside) / inside
        lower = _BOUNDS[index - 1] if index else 0.0
        # The last bucket has no upper bound.
        return lower + share * (_BOUNDS[min(index, _FINITE_BUCKETS)] - lower)

    def to_json(self) -> dict[str, Any]:
        """Return the message of the API."""
        return {
            "count": str(self.count),
            "mean": self.mean,
            "sumOfSquaredDeviation": self.squared_deviation,
            "bucketOptions": {
                "exponentialBuckets": {
                    "numFiniteBuckets": _FINITE_BUCKETS, "growthFactor": _GROWTH, "scale": _SCALE,
                }
            },
            "bucketCounts": [str(count) for count in self.bucket_counts],
        }  # fmt: skip
