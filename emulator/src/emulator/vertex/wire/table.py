"""The route table: every HTTP rule of every method, with what answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from emulator.routing import Handler, Route
from emulator.vertex.wire import codec
from emulator.vertex.wire.methods import Binding, Method, all_methods

SERVICE = "aiplatform"

Call: TypeAlias = Callable[[Any], Any]
"""Takes a request message, returns a response message; runs in a thread."""


def create_routes(calls: Mapping[str, Call], handlers: Mapping[str, Handler]) -> list[Route]:
    """Routes of all methods.

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
            handler = _answer(method, binding, call)
        templates = [binding.template]
        if handler is not None and binding.template.startswith("/v1/"):
            templates.append(binding.template.replace("/v1/", "/v1beta1/", 1))
        for template in templates:
            yield Route(SERVICE, f"{SERVICE}.{method.full_name}", binding.http_method, template, handler)


def _answer(method: Method, binding: Binding, call: Call) -> Handler:
    async def answer(http_request: Request, fields: Mapping[str, str]) -> Response:
        query = http_request.query_params.multi_items()
        request = codec.read_request(
            method.request_type,
            fields=fields,
            query=query,
            body_field=binding.body,
            body=await http_request.body(),
        )
        response = await run_in_threadpool(call, request)
        body = codec.to_json(response, integer_enums=codec.wants_integer_enums(query))
        return Response(body, media_type="application/json")

    return answer
