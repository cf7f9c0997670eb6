"""Starlette application with three routes, health, predict and metrics, and JSON error responses."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from serving.errors import (
    ExhaustedError,
    LoadingError,
    MethodError,
    ModelError,
    NotFoundError,
    ServingError,
    TooLargeError,
)
from serving.metrics import CONTENT_TYPE
from serving.request_log import RequestLog
from serving.service import PredictionService
from serving.settings import Settings

_log = logging.getLogger(__name__)


def create_app(settings: Settings, service: PredictionService) -> Starlette:
    """Create the application, which loads the model at startup and completes running requests at shutdown."""

    async def health(_: Request) -> Response:
        if not service.ready:
            raise LoadingError("model", expected="a loaded model", received="one that is loading")
        return JSONResponse({"status": "ready"})

    class Predict:
        """ASGI application, not a function: Starlette's wrapper of functions costs as much as a row."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            body = await _body(Request(scope, receive), limit=settings.max_request_bytes)
            response = Response(await service.predict(body), media_type="application/json")
            await response(scope, receive, send)

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def serving_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServingError)  # noqa: S101 - registered for this type
        if isinstance(error, ModelError):
            _log.error("%s", error)
        if request.url.path == settings.predict_route:
            service.metrics.error(error.reason)
        return _error_response(error)

    async def unexpected(_: Request, error: Exception) -> Response:
        """Answer an unexpected exception with its type; Starlette logs the traceback."""
        service.metrics.error(ServingError.reason)
        return _error_response(ModelError("model", expected="a prediction", received=type(error).__name__))

    async def not_found(request: Request, _: Exception) -> Response:
        routes = f"{settings.health_route}, {settings.predict_route} or {settings.metrics_route}"
        return _error_response(NotFoundError("path", expected=routes, received=request.url.path))

    async def wrong_method(request: Request, error: Exception) -> Response:
        headers = error.headers if isinstance(error, HTTPException) and error.headers else {}
        allowed = headers.get("Allow", "another method")
        response = _error_response(MethodError("method", expected=allowed, received=request.method))
        response.headers.update(headers)
        return response

    def observe(path: str, status: int, seconds: float) -> None:
        if path == settings.predict_route:
            service.metrics.request(status, seconds)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()

    return Starlette(
        routes=[
            Route(settings.health_route, health, methods=["GET"]),
            Route(settings.predict_route, Predict(), methods=["POST"]),
            Route(settings.metrics_route, metrics, methods=["GET"]),
        ],
        exception_handlers={
            404: not_found,
            405: wrong_method,
            ClientDisconnect: _disconnected,
            ServingError: serving_error,
            Exception: unexpected,
        },
        middleware=[
            Middleware(RequestLog, quiet={settings.health_route, settings.metrics_route}, observe=observe)
        ],
        lifespan=lifespan,
    )


async def _body(request: Request, *, limit: int) -> bytes:
    announced = int(request.headers.get("content-length") or 0)
    if announced > limit:
        raise TooLargeError("body", expected=f"at most {limit} bytes", received=f"{announced} bytes")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLargeError("body", expected=f"at most {limit} bytes", received=f"{size} bytes or more")
        chunks.append(chunk)
    return b"".join(chunks)


async def _disconnected(*_: object) -> Response:
    """End the request without a traceback; the client is gone and reads no response."""
    return Response(status_code=400)


def _error_response(error: ServingError) -> JSONResponse:
    headers = {"Retry-After": "1"} if isinstance(error, LoadingError | ExhaustedError) else None
    return JSONResponse(error.to_json(), status_code=error.status, headers=headers)
