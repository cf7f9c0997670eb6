"""Fault injection by request: the next calls of a method fail or wait, or a service fails at a hook.

With a token of the owner in `-H "Authorization: Bearer ..."`, which `gcloud auth print-access-token` prints:

curl -d '{"target": "storage.objects.get", "http_status": 503, "count": 2}' http://localhost:P/_emulator/faults
curl -d '{"target": "failed_deploy"}' http://localhost:P/_emulator/faults
curl -d '{"target": "storage.objects.insert", "lose_answer": true}' http://localhost:P/_emulator/faults
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from emulator.errors import ApiError, InvalidArgument
from emulator.json_bodies import parse_object, read_body
from emulator.routing import Route
from emulator.state import State

HOOKS = ("failed_deploy", "slow_start", "preemption", "lagging_lists")
"""The points where services ask: a deployment fails, a job or server starts late, a job is preempted, a new
job is in no list for a while."""

PATH = "/_emulator/faults"
_KIND = "fault"
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED", 409: "ABORTED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 502: "UNAVAILABLE",
    503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Fault of a method or hook, with the number of times that it is injected.

    Attributes:
        target: an API method's full name, `storage.objects.get` for instance, or one of `HOOKS`.
        http_status: the method answers with it; 0 lets it go on after the delay.
        count: remaining number of times.
        delay_seconds: the method waits so long first; a hook decides what to do with it.
        lose_answer: the method does its work, and the connection breaks before its answer is complete.
    """

    target: str
    http_status: int = 0
    count: int = 1
    delay_seconds: float = 0.0
    lose_answer: bool = False

    @classmethod
    def from_json(cls, value: object) -> Fault:
        """Parse the fault in a request; `api_method` and `hook` are aliases of `target`.

        Raises:
            InvalidArgument: a field is missing, unknown, or has a value that it can't have.
        """
        if not isinstance(value, Mapping):
            raise InvalidArgument(f"fault: expected a JSON object, received {value!r}")
        fields = dict(value)
        targets = [fields.pop(name) for name in ("target", "api_method", "hook") if name in fields]
        if len(targets) != 1 or not isinstance(targets[0], str) or not targets[0]:
            raise InvalidArgument(f"target: expected one API method or hook, received {targets!r}")
        fault = cls(
            target=targets[0],
            http_status=_number(fields, "http_status", 0, lowest=0, highest=599, kinds=(int,)),
            count=_number(fields, "count", 1, lowest=1, highest=1_000_000, kinds=(int,)),
            delay_seconds=_number(fields, "delay_seconds", 0.0, lowest=0, highest=3600, kinds=(int, float)),
            lose_answer=fields.pop("lose_answer", False),
        )
        if fields:
            raise InvalidArgument(f"fault: expected no further fields, received {sorted(fields)}")
        if 0 < fault.http_status < 400:
            raise InvalidArgument(f"http_status: expected 400 to 599, received {fault.http_status}")
        if not isinstance(fault.lose_answer, bool):
            raise InvalidArgument(f"lose_answer: expected true or false, received {fault.lose_answer!r}")
        if fault.lose_answer and (fault.http_status or fault.target in HOOKS):
            raise InvalidArgument("lose_answer: expected for a method, without http_status")
        return fault


class LostAnswer(Response):
    """Answer that ends before it is complete: the server then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the headers of an answer without its body (ASGI)."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1024")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


class Faults:
    """Pending faults; kept in the state, so that they outlive the process as jobs do."""

    def __init__(self, state: State) -> None:
        self._state = state

    def set(self, fault: Fault) -> None:
        """Add a fault; it replaces the one of the same target."""
        self._state.put(_KIND, fault.target, asdict(fault))

    def all(self) -> list[Fault]:
        """Return all pending faults."""
        return [Fault(**document) for document in self._state.list(_KIND)]

    def clear(self) -> None:
        """Remove all faults."""
        with self._state.transaction():
            for fault in self.all():
                self._state.delete(_KIND, fault.target)

    def take(self, target: str) -> Fault | None:
        """Return the fault to inject into this method or hook now, if any, and count it."""
        if self._state.get(_KIND, target) is None:
            return None
        with self._state.transaction():
            document = self._state.get(_KIND, target)
            if document is None:
                return None
            fault = Fault(**document)
            if fault.count > 1:
                self._state.put(_KIND, target, {**document, "count": fault.count - 1})
            else:
                self._state.delete(_KIND, target)
        return fault

    async def inject(self, api_method: str) -> bool:
        """Inject the pending fault of this method, if any: wait, then fail.

        Returns:
            True if the method's answer is to be lost.

        Raises:
            ApiError: with the status that was asked for.
        """
        fault = self.take(api_method)
        if fault is None:
            return False
        await asyncio.sleep(fault.delay_seconds)
        if fault.http_status:
            raise ApiError(
                f"A fault that was asked for: {api_method} answers {fault.http_status}.",
                code=fault.http_status,
                status=_STATUS_NAMES.get(fault.http_status, "UNKNOWN"),
                reason="injectedFault",
            )
        return fault.lose_answer

    @property
    def routes(self) -> list[Route]:
        """Routes that add, list and remove faults."""
        return [
            Route("emulator", "emulator.faults.insert", "POST", PATH, self._post),
            Route("emulator", "emulator.faults.list", "GET", PATH, self._get),
            Route("emulator", "emulator.faults.delete", "DELETE", PATH, self._delete),
        ]

    async def _post(self, request: Request, _fields: Mapping[str, str]) -> Response:
        # `curl -d` announces a form, hence no look at the type.
        fault = Fault.from_json(parse_object(await read_body(request)))
        self.set(fault)
        return JSONResponse(asdict(fault))

    async def _get(self, _request: Request, _fields: Mapping[str, str]) -> Response:
        return JSONResponse({"faults": [asdict(fault) for fault in self.all()]})

    async def _delete(self, _request: Request, _fields: Mapping[str, str]) -> Response:
        self.clear()
        return Response(status_code=204)


def _number(
    fields: dict[str, Any], name: str, default: Any, *, lowest: int, highest: int, kinds: tuple[type, ...]
) -> Any:
    value: Any = fields.pop(name, default)
    right_kind = isinstance(value, kinds) and not isinstance(value, bool)
    if not right_kind or not lowest <= value <= highest:
        raise InvalidArgument(f"{name}: expected {lowest} to {highest}, received {value!r}")
    return value
