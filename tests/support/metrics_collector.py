"""OpenTelemetry collector of a test: takes metrics over OTLP/HTTP and adds them up by series.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric

Series = tuple[str, frozenset[tuple[str, str]]]


class MetricsCollector:
    """Collector on a free port of loopback."""

    def __init__(self) -> None:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            """Handler of exports."""

            def do_POST(self) -> None:
                """Take an export."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                """Log nothing."""

        self._lock = threading.Lock()
        self._values: dict[Series, float] = {}
        self._suffixes: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def variables(self) -> dict[str, str]:
        """Environment that makes Airflow send its metrics here."""
        return {
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        }

    def values(self, name: str, **tags: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return the values of a metric's series that have these tags, by all their tags."""
        with self._lock:
            return {
                found: value
                for (metric, found), value in self._values.items()
                if metric == name and tags.items() <= dict(found).items()
            }

    def names(self) -> set[str]:
        """Return the names of all metrics."""
        with self._lock:
            return {name for name, _ in self._values}

    def take(self, request: ExportMetricsServiceRequest) -> None:
        """Add the differences of an export to what others sent; of anything else keep the newest value."""
        with self._lock:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self._take(metric)

    def _take(self, metric: Metric) -> None:
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        is_counter = kind == "sum" and data.is_monotonic
        self._suffixes[metric.name] = ("_milliseconds" if metric.unit == "ms" else "") + "_total" * is_counter
        is_difference = getattr(data, "aggregation_temporality", 0) == AGGREGATION_TEMPORALITY_DELTA
        for point in data.data_points:
            series = metric.name, frozenset((tag.key, tag.value.string_value) for tag in point.attributes)
            value = point.sum if "istogram" in kind else getattr(point, point.WhichOneof("value"))
            before = self._values.get(series, 0.0) if is_difference else 0.0
            self._values[series] = before + float(value)

    def prometheus_names(self) -> set[str]:
        """Return the names that OpenTelemetry's exporter for Prometheus gives the metrics.

        https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
        """
        with self._lock:
            return {name.replace(".", "_") + suffix for name, suffix in self._suffixes.items()}

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
