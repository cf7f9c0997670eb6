"""Access log with one line per request, and a request id that the response carries too.

Lines are JSON, so that Cloud Logging reads the severity and the fields.
https://cloud.google.com/logging/docs/structured-logging
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER = "X-Request-Id"

_log = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """Formatter of records as JSON objects; `extra={"fields": {...}}` adds fields to one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "severity": record.levelname,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


class RequestLog:
    """ASGI middleware that assigns a request id and logs the response's status and latency."""

    def __init__(
        self, app: ASGIApp, *, quiet: AbstractSet[str], observe: Callable[[str, int, float], None]
    ) -> None:
        """Wrap an application.

        Args:
            app: the application.
            quiet: paths whose requests are not logged.
            observe: called with path, status and seconds of each request.
        """
        self._app = app
        self._quiet = quiet
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(Headers(scope=scope).get(REQUEST_ID_HEADER))
        status, size = 500, 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            self._observe(scope["path"], status, seconds)
            if scope["path"] not in self._quiet:
                fields = {
                    "request_id": request_id,
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "response_bytes": size,
                    "latency_ms": round(seconds * 1000, 1),
                }
                _log.info("%s %s %d", scope["method"], scope["path"], status, extra={"fields": fields})


def _request_id(received: str | None) -> str:
    """Return the id that the client sent if it is safe to log, else a new one."""
    if received and re.fullmatch(r"[\w.:/-]{1,128}", received):
        return received
    return uuid.uuid4().hex
