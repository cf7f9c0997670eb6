"""From a request to its route's answer."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from emulator import errors
from emulator.faults import Faults
from emulator.routing import Router


class Dispatcher:
    """Answers requests by the route table, after the faults that were set for their methods."""

    def __init__(self, router: Router, faults: Faults) -> None:
        self._router = router
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request (ASGI)."""
        try:
            response = await self.answer(Request(scope, receive))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The answer to a request; a refusal is an answer too."""
        try:
            return await self._answer(request)
        except errors.ApiError as error:
            return errors.response(error)

    async def _answer(self, request: Request) -> Response:
        raw_path = request.scope["raw_path"].decode("ascii")
        match = self._router.match(request.method, raw_path)
        if match is None:
            raise errors.Unimplemented(f"No emulated service has {request.method} {raw_path}.")
        await self._faults.happen(match.route.api_method)
        if match.route.handler is None:
            raise errors.Unimplemented(f"{match.route.api_method} is not emulated.")
        return await match.route.handler(request, match.fields)
