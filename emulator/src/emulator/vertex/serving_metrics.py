"""Figures of online predictions: every request to a deployed model, with its outcome and latency."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

MOST_REQUESTS = 200_000
"""Older ones are forgotten, and all at a restart."""


@dataclass(frozen=True, kw_only=True)
class PredictionRecord:
    """One prediction request.

    Attributes:
        time: when it was answered, in seconds since 1970.
        endpoint: the endpoint's resource name.
        deployed_model_id: the deployed model that it was sent to.
        code: HTTP status of the answer.
        predictions: number of its instances.
        seconds: time until the answer.
    """

    time: float
    endpoint: str
    deployed_model_id: str
    code: int
    predictions: int
    seconds: float


class ServingMetrics:
    """Records of the last prediction requests; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[PredictionRecord] = deque(maxlen=MOST_REQUESTS)

    def add(self, record: PredictionRecord) -> None:
        """Keep a request."""
        with self._lock:
            self._records.append(record)

    def between(self, start: float, end: float) -> Iterator[PredictionRecord]:
        """Yield the requests after a time, up to and with another, oldest first; seconds since 1970."""
        with self._lock:
            found = [record for record in self._records if start < record.time <= end]
        yield from found
