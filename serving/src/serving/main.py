"""Serve a SavedModel over HTTP: `python -m serving.main --model FOLDER-OR-GS-URI`.

Every flag has Vertex AI's variable as its default, so that a container needs none.
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from serving.errors import SettingsError
from serving.request_log import JsonFormatter
from serving.server import serve
from serving.settings import Settings

_BOUNDS = {
    "max_batch_size": "most rows of a batch of several requests; 1 for no such batches",
    "batch_timeout_micros": "most microseconds that a request waits for others; a lone one never waits",
    "max_enqueued_batches": "full batches that may wait; above it the response is 429",
    "max_enqueued_bytes": "bytes of the requests under way; above it the response is 429",
    "max_request_bytes": "size limit of a request; above it the response is 413",
    "max_nesting": "most levels of lists and objects in a request",
    "max_pixels": "most pixels of an image",
    "max_request_pixels": "most pixels of all images of a request",
}


def parse(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Settings:
    """Parse the settings from a command line, with environment variables as defaults."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.main",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(flag: str, variable: str, default: object, kind: type, text: str) -> None:
        value = environment.get(variable) or str(default)
        parser.add_argument(
            flag, default=value, type=kind, help=f"{text} ({variable}; now {value or 'not set'})"
        )

    add("--model", "AIP_STORAGE_URI", "", str, "folder or gs:// URI with a SavedModel")
    add("--host", "SERVING_HOST", Settings.host, str, "address to listen on; 0.0.0.0 in a container")
    add("--port", "AIP_HTTP_PORT", Settings.port, int, "port to listen on")
    add("--health-route", "AIP_HEALTH_ROUTE", Settings.health_route, str, "path of the health check")
    add("--predict-route", "AIP_PREDICT_ROUTE", Settings.predict_route, str, "path of predictions")
    add("--concurrency", "SERVING_CONCURRENCY", Settings.concurrency, int, "number of concurrent model calls")
    add("--metrics-route", "SERVING_METRICS_ROUTE", Settings.metrics_route, str, "path of the metrics")
    for name, text in _BOUNDS.items():
        flag, variable = f"--{name.replace('_', '-')}", f"SERVING_{name.upper()}"
        add(flag, variable, getattr(Settings, name), int, text)
    add("--drain-seconds", "SERVING_DRAIN_SECONDS", Settings.drain_seconds, int, "grace period after SIGTERM")
    add("--cache", "SERVING_CACHE", Settings.cache, Path, "folder of downloaded models")
    try:
        return Settings(**vars(parser.parse_args(arguments)))
    except SettingsError as error:
        parser.error(str(error))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; return 0 after a graceful shutdown, 1 if the model can't be loaded."""
    settings = parse(arguments, os.environ)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    return serve(settings)


if __name__ == "__main__":
    sys.exit(main())
