"""Predictions: requests forwarded to the server of a deployed model, chosen by the traffic split.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#prediction
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import ApiError, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from emulator.json_bodies import parse_object, parse_outside_loop, read_body
from emulator.limits import (
    DEDICATED_PREDICT_BYTES,
    DEDICATED_PREDICT_SECONDS,
    SHARED_PREDICT_BYTES,
    SHARED_PREDICT_SECONDS,
)
from emulator.routing import Handler
from emulator.state import State
from emulator.vertex.deployments import Deployments
from emulator.vertex.endpoints import KIND
from emulator.vertex.serving_metrics import PredictionRecord, ServingMetrics
from emulator.vertex.traffic import WeightedRoundRobin

_TIMEOUT_SECONDS = float(SHARED_PREDICT_SECONDS.value)
_DEDICATED_TIMEOUT_SECONDS = 600.0
_LONGEST_TIMEOUT_SECONDS = float(DEDICATED_PREDICT_SECONDS.value)
_JSON = "application/json"
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


@dataclass
class _Measurement:
    """Outcome of one request, filled in while it is answered."""

    code: int = 500
    model_seconds: float = 0.0

    async def of(self, forwarded: Awaitable[httpx.Response]) -> httpx.Response:
        """Await the model server's answer, and keep its status and its time."""
        begun = time.monotonic()
        try:
            answer = await forwarded
        finally:
            self.model_seconds = time.monotonic() - begun
        self.code = answer.status_code
        return answer


class Predictions:
    """PredictionService's methods."""

    def __init__(self, state: State, deployments: Deployments, metrics: ServingMetrics) -> None:
        self._metrics = metrics
        self._state = state
        self._deployments = deployments
        self._round_robin = WeightedRoundRobin()
        # trust_env: a proxy of the environment has no way to the loopback interface.
        self._client = httpx.AsyncClient(timeout=_LONGEST_TIMEOUT_SECONDS, trust_env=False)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Handlers by the name of the method; they take the HTTP request, whose body they forward."""
        return {"PredictionService.Predict": self.predict, "PredictionService.RawPredict": self.raw_predict}

    async def predict(self, request: Request, fields: Mapping[str, str]) -> Response:
        """PredictionService.Predict."""
        begun = time.monotonic()
        body = await read_body(request)
        instances = (await parse_outside_loop(body)).get("instances")
        if not isinstance(instances, list):
            raise InvalidArgument(f"instances: expected a list, received {type(instances).__name__}")
        endpoint = fields["endpoint"]
        deployed, timeout = self._choose(endpoint, len(body))
        with self._measured(endpoint, deployed, begun=begun, predictions=len(instances)) as measurement:
            answer = await measurement.of(self._forward(deployed, body, _JSON, timeout))
            if answer.is_error:
                raise _refused(answer)
            return JSONResponse({**_predictions(answer), **_origin(deployed)})

    async def raw_predict(self, request: Request, fields: Mapping[str, str]) -> Response:
        """PredictionService.RawPredict: any body, unchanged in both directions.

        Google's REST clients wrap the body in a message and expect a wrapped one.
        """
        begun = time.monotonic()
        body = await read_body(request)
        content_type = request.headers.get("content-type", _JSON)
        wrapped = await run_in_threadpool(_unwrap, body)
        if wrapped is not None:
            body, content_type = wrapped
        endpoint = fields["endpoint"]
        deployed, timeout = self._choose(endpoint, len(body))
        headers = {
            "X-Vertex-AI-Endpoint-Id": endpoint.rpartition("/")[2],
            "X-Vertex-AI-Deployed-Model-Id": deployed["id"],
        }
        with self._measured(endpoint, deployed, begun=begun, predictions=1) as measurement:
            answer = await measurement.of(self._forward(deployed, body, content_type, timeout))
            answer_type = answer.headers.get("content-type", _JSON)
            if wrapped is None:
                return Response(answer.content, answer.status_code, headers, answer_type)
            if answer.is_error:
                raise _refused(answer)
            data = base64.b64encode(answer.content).decode()
            return JSONResponse({"contentType": answer_type, "data": data}, headers=headers)

    def _choose(self, endpoint: str, size: int) -> tuple[dict[str, Any], float]:
        """Return the deployed model that answers, and the seconds that it has for it.

        Raises:
            FailedPrecondition: the request has more bytes than the endpoint takes.
        """
        document = self._state.get(KIND, endpoint)
        if document is None:
            raise NotFound(f"The Endpoint {endpoint} does not exist.")
        _check_size(size, dedicated=bool(document.get("dedicatedEndpointEnabled")))
        chosen = self._round_robin.choose(endpoint, document.get("trafficSplit", {}))
        deployed = next(deployed for deployed in document["deployedModels"] if deployed["id"] == chosen)
        return deployed, _timeout_seconds(document)

    @contextmanager
    def _measured(
        self, endpoint: str, deployed: Mapping[str, Any], *, begun: float, predictions: int
    ) -> Iterator[_Measurement]:
        """Count a request, whatever becomes of it."""
        measurement = _Measurement()
        try:
            yield measurement
        except ApiError as error:
            measurement.code = error.code
            raise
        finally:
            self._metrics.add(
                PredictionRecord(
                    time=time.time(),
                    endpoint=endpoint,
                    deployed_model_id=deployed["id"],
                    code=measurement.code,
                    predictions=predictions,
                    seconds=time.monotonic() - begun,
                    model_seconds=measurement.model_seconds,
                )
            )

    async def _forward(
        self, deployed: Mapping[str, Any], body: bytes, content_type: str, timeout: float
    ) -> httpx.Response:
        url = self._deployments.predict_url(deployed["id"])
        if url is None:
            raise Unavailable(f"The server of the deployed model {deployed['id']} is not ready.")
        try:
            async with asyncio.timeout(timeout):
                return await self._client.post(url, content=body, headers={"content-type": content_type})
        except (TimeoutError, httpx.TimeoutException) as error:
            raise ApiError(
                f"The deployed model {deployed['id']} did not answer within {timeout:g} seconds.",
                code=504,
                status="DEADLINE_EXCEEDED",
            ) from error
        except httpx.TransportError as error:
            raise Unavailable(
                f"The server of the deployed model {deployed['id']} is gone: {error}"
            ) from error


def _check_size(size: int, *, dedicated: bool) -> None:
    most = (DEDICATED_PREDICT_BYTES if dedicated else SHARED_PREDICT_BYTES).value
    if size > most:
        raise FailedPrecondition(f"The request size ({size} bytes) exceeds {most / 1e6:.3f}MB limit.")


def _timeout_seconds(endpoint: Mapping[str, Any]) -> float:
    """Return the longest time of a prediction, which a dedicated endpoint may set.

    https://cloud.google.com/vertex-ai/docs/predictions/create-public-endpoint
    """
    if not endpoint.get("dedicatedEndpointEnabled"):
        return _TIMEOUT_SECONDS
    text = endpoint.get("clientConnectionConfig", {}).get("inferenceTimeout", "")
    return float(text.removesuffix("s")) if text else _DEDICATED_TIMEOUT_SECONDS


def _origin(deployed: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "deployedModelId": deployed["id"],
        "model": deployed["model"],
        "modelDisplayName": deployed.get("displayName", ""),
        "modelVersionId": deployed["modelVersionId"],
    }


def _predictions(answer: httpx.Response) -> dict[str, Any]:
    """Return `predictions`, and `metadata` if the server sends it."""
    try:
        content = answer.json()
        predictions = {"predictions": content["predictions"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(
            f"The server answered without predictions: {answer.text[:200]!r}", code=500, status="INTERNAL"
        ) from error
    return predictions | {key: content[key] for key in ("metadata",) if key in content}


def _refused(answer: httpx.Response) -> ApiError:
    status = _STATUS_NAMES.get(answer.status_code, "UNKNOWN")
    return ApiError(answer.text, code=answer.status_code, status=status)


def _unwrap(body: bytes) -> tuple[bytes, str] | None:
    """Return the body inside a `RawPredictRequest` and its content type; `None` for any other body."""
    try:
        content = parse_object(body)
    except InvalidArgument:
        return None
    if set(content) - {"endpoint"} != {"httpBody"}:
        return None
    inner = content["httpBody"]
    try:
        data, content_type = base64.b64decode(inner.get("data", "")), inner.get("contentType") or _JSON
        return data, str(content_type)
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidArgument("httpBody: expected an object with data in base64") from error
