"""Route table: every HTTP rule of every method, with its handler.

The rules are those of `http_rules.json`, which `gapic` makes, and of the long-running operations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeAlias

from google.longrunning import operations_pb2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from emulator.json_bodies import read_body
from emulator.routing import Handler, Route
from emulator.vertex import codec
from emulator.vertex.gapic import types

SERVICE = "aiplatform"

Call: TypeAlias = Callable[[Any], Any]
"""Takes a request message, returns a response message; runs in a thread."""

_ANY_OPERATION = (
    "{name=projects/*/locations/*/operations/*}",
    "{name=projects/*/locations/*/**/operations/*}",
)
_ANY_PARENT = ("{name=projects/*/locations/*}/operations", "{name=projects/*/locations/*/**}/operations")


@dataclass(frozen=True, kw_only=True)
class Binding:
    """One HTTP rule of a method.

    Attributes:
        http_method: `GET`, `POST`, ...
        template: the path, `/v1/{name=projects/*/locations/*/models/*}` for instance.
        body: the field of the request that the HTTP body holds: `*` for all of it, empty for none.
    """

    http_method: str
    template: str
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of a service.

    Attributes:
        full_name: `JobService.CreateCustomJob`, for instance.
        request_type: the message class of its request; `None` if its name doesn't follow the method's.
        bindings: its HTTP rules.
    """

    full_name: str
    request_type: Any
    bindings: tuple[Binding, ...]


def all_methods() -> list[Method]:
    """Return every method that has an HTTP rule, predictions first."""
    rules = json.loads(resources.files(__package__).joinpath("http_rules.json").read_text())
    methods = [
        Method(
            full_name=full_name,
            request_type=getattr(types, f"{full_name.partition('.')[2]}Request", None),
            bindings=tuple(
                Binding(http_method=rule["method"].upper(), template=rule["uri"], body=rule.get("body", ""))
                for rule in method_rules
            ),
        )
        for full_name, method_rules in rules.items()
    ]
    return [*methods, *_operation_methods()]


def _operation_methods() -> Iterator[Method]:
    """Yield the methods of long-running operations: clients poll them below /ui, gcloud below /v1.

    The service has one rule for each kind of resource; two patterns stand for all of them.
    """
    rules = {
        "GetOperation": ("GET", _ANY_OPERATION, ""),
        "ListOperations": ("GET", _ANY_PARENT, ""),
        "CancelOperation": ("POST", tuple(f"{path}:cancel" for path in _ANY_OPERATION), ""),
        "DeleteOperation": ("DELETE", _ANY_OPERATION, ""),
        "WaitOperation": ("POST", tuple(f"{path}:wait" for path in _ANY_OPERATION), "*"),
    }
    for name, (http_method, paths, body) in rules.items():
        yield Method(
            full_name=f"Operations.{name}",
            request_type=getattr(operations_pb2, f"{name}Request"),
            bindings=tuple(
                Binding(http_method=http_method, template=f"/{version}/{path}", body=body)
                for version in ("v1", "ui")
                for path in paths
            ),
        )


def create_routes(calls: Mapping[str, Call], handlers: Mapping[str, Handler]) -> list[Route]:
    """Return the routes of all methods.

    Args:
        calls: methods by their full name that take and return messages.
        handlers: methods by their full name that take the HTTP request itself.
    """
    methods = all_methods()
    unknown = sorted({*calls, *handlers} - {method.full_name for method in methods})
    if unknown:
        raise KeyError(f"no method of Vertex AI: {unknown}")
    return [route for method in methods for route in _routes(method, calls, handlers)]


def _routes(method: Method, calls: Mapping[str, Call], handlers: Mapping[str, Handler]) -> Iterator[Route]:
    call = calls.get(method.full_name)
    for binding in method.bindings:
        handler = handlers.get(method.full_name)
        if call is not None:
            handler = _make_handler(method, binding, call)
        templates = [binding.template]
        if handler is not None and binding.template.startswith("/v1/"):
            templates.append(binding.template.replace("/v1/", "/v1beta1/", 1))
        for template in templates:
            yield Route(SERVICE, f"{SERVICE}.{method.full_name}", binding.http_method, template, handler)


def _make_handler(method: Method, binding: Binding, call: Call) -> Handler:
    async def handle(http_request: Request, fields: Mapping[str, str]) -> Response:
        query = http_request.query_params.multi_items()
        request = await run_in_threadpool(
            codec.read_request,
            method.request_type,
            fields=fields,
            query=query,
            body_field=binding.body,
            body=await read_body(http_request),
        )
        response = await run_in_threadpool(call, request)
        body = codec.to_json(response, integer_enums=codec.wants_integer_enums(query))
        return Response(body, media_type="application/json")

    return handle
