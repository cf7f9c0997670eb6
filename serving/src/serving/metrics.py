"""Figures of the server for Prometheus.

https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "serving_requests", "Predict requests by HTTP status.", ["status"], registry=self._registry
        )
        self._errors = Counter(
            "serving_errors",
            "Failed predict requests by Google's status.",
            ["reason"],
            registry=self._registry,
        )
        self._row_errors = Counter(
            "serving_row_errors",
            "Rows without a finite prediction in requests that were answered.",
            registry=self._registry,
        )
        self._latency = Histogram(
            "serving_request_seconds",
            "Time from the head of a predict request to its response.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._queue = Gauge(
            "serving_queue_length", "Requests that wait for a batch.", registry=self._registry
        )
        self._batches = Histogram(
            "serving_batch_rows", "Rows of a call of the graph.", buckets=_ROWS, registry=self._registry
        )

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Read the length of the queue from a function whenever the metrics are."""
        self._queue.set_function(length)

    def batch(self, rows: int) -> None:
        """Count a call of the graph."""
        self._batches.observe(rows)

    def row_errors(self, rows: int) -> None:
        """Count rows that failed alone."""
        self._row_errors.inc(rows)

    def request(self, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(str(status)).inc()
        self._latency.observe(seconds)

    def error(self, reason: str) -> None:
        """Count a failed request by Google's name of its status, `RESOURCE_EXHAUSTED` for instance."""
        self._errors.labels(reason).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
