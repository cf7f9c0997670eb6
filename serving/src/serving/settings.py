"""Settings of the server.

Vertex AI sets the `AIP_*` variables in a container that serves predictions.
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#aip-variables
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from contract.images import MAX_PIXELS
from serving.errors import SettingsError

MEBIBYTE = 1024 * 1024

_ROUTES = {
    "health_route": "AIP_HEALTH_ROUTE",
    "predict_route": "AIP_PREDICT_ROUTE",
    "metrics_route": "SERVING_METRICS_ROUTE",
}
_LEAST = {
    "port": 0,
    "concurrency": 1,
    "max_batch_size": 1,
    "batch_timeout_micros": 0,
    "max_enqueued_batches": 1,
    "max_enqueued_bytes": 1,
    "max_request_bytes": 1,
    "max_nesting": 2,
    "max_pixels": 1,
    "max_request_pixels": 1,
    "drain_seconds": 0,
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the server, validated.

    Attributes:
        model: folder or a `gs://` URI that holds a SavedModel.
        host: address to listen on: 0.0.0.0 in a container, a loopback address elsewhere.
        port: port to listen on.
        health_route: path of the health check: 200 if the model can predict, 503 while it loads.
        predict_route: path of predictions.
        concurrency: number of model calls that run at the same time; further requests wait in a queue.
        metrics_route: path of Prometheus' metrics.
        max_batch_size: most rows of a batch of several requests; 1 for no such batches.
        batch_timeout_micros: most microseconds that a request waits for the others that are about.
        max_enqueued_batches: full batches that may wait; above it the response is 429.
        max_enqueued_bytes: bodies under way in all; above it the response is 429.
        max_request_bytes: size limit of a request body; above it the response is 413.
        max_nesting: most levels of lists and objects in a request.
        max_pixels: most pixels of an image; it is refused before it is decoded.
        max_request_pixels: most pixels of all images of a request.
        drain_seconds: time for running requests to complete after SIGTERM.
        cache: folder of models downloaded from Cloud Storage.

    Raises:
        SettingsError: a value is missing or out of range.
    """

    model: str
    host: str = "127.0.0.1"
    port: int = 8080
    health_route: str = "/health"
    predict_route: str = "/predict"
    concurrency: int = 2
    metrics_route: str = "/metrics"
    max_batch_size: int = 32
    batch_timeout_micros: int = 2000
    max_enqueued_batches: int = 100
    max_enqueued_bytes: int = 256 * MEBIBYTE
    max_request_bytes: int = 10 * MEBIBYTE
    max_nesting: int = 32
    max_pixels: int = MAX_PIXELS
    max_request_pixels: int = 4 * MAX_PIXELS
    drain_seconds: int = 30
    cache: Path = Path(tempfile.gettempdir()) / "perennial-serving"

    def __post_init__(self) -> None:
        if not self.model:
            raise SettingsError(
                "AIP_STORAGE_URI", expected="a folder or a gs:// URI with a SavedModel", received="nothing"
            )
        for name, variable in _ROUTES.items():
            route = getattr(self, name)
            if not route.startswith("/") or "{" in route:
                raise SettingsError(variable, expected="a path like /predict", received=repr(route))
        if self.health_route == self.predict_route:
            raise SettingsError(
                "AIP_PREDICT_ROUTE",
                expected="another path than AIP_HEALTH_ROUTE",
                received=self.predict_route,
            )
        if self.metrics_route in (self.health_route, self.predict_route):
            raise SettingsError(
                "SERVING_METRICS_ROUTE",
                expected="another path than AIP_HEALTH_ROUTE and AIP_PREDICT_ROUTE",
                received=self.metrics_route,
            )
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise SettingsError(name, expected=f"{least} or more", received=str(getattr(self, name)))
