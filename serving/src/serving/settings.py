"""Settings of the server.

Vertex AI sets the `AIP_*` variables in a container that serves predictions.
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#aip-variables
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from serving.errors import SettingsError

MEBIBYTE = 1024 * 1024


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
        max_request_bytes: size limit of a request body; above it the response is 413.
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
    max_request_bytes: int = 10 * MEBIBYTE
    drain_seconds: int = 30
    cache: Path = Path(tempfile.gettempdir()) / "perennial-serving"

    def __post_init__(self) -> None:
        if not self.model:
            raise SettingsError(
                "AIP_STORAGE_URI", expected="a folder or a gs:// URI with a SavedModel", received="nothing"
            )
        for name in ("health_route", "predict_route"):
            route = getattr(self, name)
            if not route.startswith("/") or "{" in route:
                raise SettingsError(
                    f"AIP_{name.upper()}", expected="a path like /predict", received=repr(route)
                )
        if self.health_route == self.predict_route:
            raise SettingsError(
                "AIP_PREDICT_ROUTE",
                expected="another path than AIP_HEALTH_ROUTE",
                received=self.predict_route,
            )
        for name, least in (("port", 0), ("concurrency", 1), ("max_request_bytes", 1), ("drain_seconds", 0)):
            if getattr(self, name) < least:
                raise SettingsError(name, expected=f"{least} or more", received=str(getattr(self, name)))
