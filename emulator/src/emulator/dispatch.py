"""Dispatch of requests: refusal of web pages, routes, faults, Google's error bodies."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Container, Iterable
from typing import TypeAlias

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from emulator import errors
from emulator.faults import Faults, LostAnswer
from emulator.routing import Match, Router

Admit: TypeAlias = Callable[[Request, Match], Awaitable[None]]

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(?::\d*)?")
_OWN_SITES = frozenset({"none", "same-origin"})
_log = logging.getLogger(__name__)


class RequestGuard:
    """Middleware that refuses what a web page sends, before anything but the headers is read.

    Every page in a browser on this machine reaches the emulator's port: across origins by a form, an image or
    `fetch`, and as its own origin under a name that it lets resolve to 127.0.0.1 (DNS rebinding). Clients
    of the API send a loopback `Host` and no `Origin`; browsers tell by `Sec-Fetch-Site` who asks:
    https://www.w3.org/TR/fetch-metadata/
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str] = ()) -> None:
        """Make the guard.

        Args:
            app: the application behind it.
            allowed_hosts: names, without a port, that are served besides the loopback ones.
        """
        self._app = app
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one HTTP request (ASGI)."""
        if scope["type"] == "http":
            try:
                self.check(Headers(scope=scope))
            except errors.PermissionDenied as error:
                await error_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def check(self, headers: Headers) -> None:
        """Check the headers that say under which name and from where a request was sent.

        Raises:
            PermissionDenied: a web page may have sent it.
        """
        hosts = headers.getlist("host")
        names = [match[1].lower() for host in hosts if (match := _HOST.fullmatch(host)) is not None]
        if len(hosts) != 1 or len(names) != 1 or names[0] not in self._hosts:
            expected = ", ".join(sorted(self._hosts))
            raise errors.PermissionDenied(
                f"Host: expected one of {expected}, received {', '.join(hosts)!r}."
                " Start the emulator with --allow-host NAME to serve another name."
            )
        if "origin" in headers:
            raise errors.PermissionDenied(
                f"Origin: expected a client that is no web page, received {headers['origin']!r}."
            )
        sites = set(headers.getlist("sec-fetch-site"))
        if not sites <= _OWN_SITES:
            raise errors.PermissionDenied(
                f"Sec-Fetch-Site: expected none or same-origin, received {', '.join(sorted(sites))!r}."
            )


class Dispatcher:
    """ASGI application that answers by the route table, after the faults that were set for a method.

    Args:
        router: the route table.
        faults: the faults that were set.
        admit: raises for a request that its sender may not make, by `AccessControl` for instance.
        project: whose APIs may be disabled.
        disabled_apis: their names, `dataflow.googleapis.com` for instance.
    """

    def __init__(
        self,
        router: Router,
        faults: Faults,
        admit: Admit,
        *,
        project: str = "",
        disabled_apis: Container[str] = (),
    ) -> None:
        self._router = router
        self._faults = faults
        self._admit = admit
        self._project = project
        self._disabled_apis = disabled_apis

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request (ASGI)."""
        try:
            response = await self.answer(Request(scope, receive))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """Return the answer to a request; a refusal is an answer too, and so is a defect of ours."""
        try:
            return await self._answer(request)
        except errors.ApiError as error:
            return error_response(error)
        except ClientDisconnect:
            raise
        except Exception:
            _log.exception("%s %s", request.method, request.scope["raw_path"])
            return error_response(errors.Internal())

    async def _answer(self, request: Request) -> Response:
        raw_path = request.scope["raw_path"].decode("latin-1")
        if not raw_path.isascii():
            raise errors.InvalidArgument(f"URL: expected it percent-encoded, received {raw_path!r}")
        match = self._router.match(request.method, raw_path, request.query_params)
        if match is None:
            raise errors.Unimplemented(f"No emulated service has {request.method} {raw_path}.")
        await self._admit(request, match)
        self._check_enabled(f"{match.route.api_method.partition('.')[0]}.googleapis.com")
        is_lost = await self._faults.inject(match.route.api_method)
        if match.route.handler is None:
            raise errors.Unimplemented(f"{match.route.api_method} is not emulated.")
        response = await match.route.handler(request, match.fields)
        return LostAnswer() if is_lost else response

    def _check_enabled(self, api: str) -> None:
        """Refuse requests to an API that isn't enabled.

        https://cloud.google.com/service-usage/docs/enable-disable

        Raises:
            PermissionDenied: it isn't.
        """
        if api in self._disabled_apis:
            where = f"https://console.developers.google.com/apis/api/{api}/overview?project={self._project}"
            raise errors.PermissionDenied(
                f"{api} has not been used in project {self._project} before or it is disabled. Enable it by "
                f"visiting {where} then retry.",
                reason="SERVICE_DISABLED",
            )


def error_response(error: errors.ApiError) -> Response:
    """Return an error as Google's clients expect it.

    The body's form: https://cloud.google.com/apis/design/errors#http_mapping and, for its `errors` list,
    https://cloud.google.com/storage/docs/json_api/v1/status-codes
    """
    if isinstance(error, errors.NotModified):
        return Response(status_code=error.code)
    detail = {"message": error.message, "domain": "global", "reason": error.reason or error.status}
    body = {"code": error.code, "message": error.message, "status": error.status, "errors": [detail]}
    response = JSONResponse({"error": body}, status_code=error.code)
    if isinstance(error, errors.Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/"'
    return response
