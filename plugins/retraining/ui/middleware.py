"""Middleware of Airflow's whole API server: a guard against other sites, and turns of requests that write.

On a laptop everybody who reaches the port is an administrator. So is every page in a browser on it, unless
the server looks at the headers that say under which name and from where a request comes: DNS rebinding gives
a page the server's address under the page's own name, and a frame lets it borrow the user's clicks.
https://www.w3.org/TR/fetch-metadata/ and https://www.w3.org/TR/CSP3/#directive-frame-ancestors

Where one SQLite file is the whole database, requests that write take turns: Airflow writes its audit log
inside the event loop, and waits there for the lock of another request, which needs the event loop to end:
both stand still until SQLite's timeout, and one fails. The dialog of a paused DAG sends two such requests at
once, a run and the end of the pause.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS_VARIABLE = "PERENNIAL_ALLOWED_HOSTS"
"""Names, separated by commas, that the API server answers to; without it nothing is refused."""

READING = frozenset({"GET", "HEAD", "OPTIONS"})

_OWN = frozenset({"none", "same-origin"})
_REFUSED = 403


class SiteGuard:
    """Middleware that refuses requests under other names, and from other sites unless a link is followed.

    Args:
        app: the application behind it.
        allowed_hosts: the names, without a port.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = self._refusal(scope)
        if reason:
            await PlainTextResponse(f"{reason}\n", _REFUSED)(scope, receive, send)
            return

        async def send_unframed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("Content-Security-Policy", "frame-ancestors 'self'")
            await send(message)

        await self._app(scope, receive, send_unframed)

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if len(headers.getlist("host")) != 1 or host.lower() not in self._hosts:
            return f"Host: expected one of {', '.join(sorted(self._hosts))}, received {host!r}."
        site = headers.get("sec-fetch-site", "none")
        follows_link = scope.get("method") == "GET" and headers.get("sec-fetch-dest") == "document"
        if site not in _OWN and not follows_link:
            return f"Sec-Fetch-Site: expected {' or '.join(sorted(_OWN))}, received {site!r}."
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{headers['host']}", f"https://{headers['host']}"):
            return f"Origin: expected the server's own, received {origin!r}."
        return ""


def site_guard() -> list[dict[str, Any]]:
    """Return the middleware for Airflow's whole API server; nothing where it answers to every name."""
    hosts = frozenset(filter(None, os.environ.get(HOSTS_VARIABLE, "").lower().replace(" ", "").split(",")))
    if not hosts:
        return []
    return [{"middleware": SiteGuard, "args": [], "kwargs": {"allowed_hosts": hosts}, "name": "Site guard"}]


class WriteTurns:
    """Middleware that serves requests which may write one after the other, and all others at once.

    Args:
        app: the application behind it.
        database: URL of Airflow's database, by default that of the configuration; only SQLite's needs turns.
    """

    def __init__(self, app: ASGIApp, *, database: str | None = None) -> None:
        self._app = app
        database = database or conf.get("database", "sql_alchemy_conn")
        self._turn: AbstractAsyncContextManager[Any] = (
            asyncio.Lock() if database.startswith("sqlite") else nullcontext()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, in its turn."""
        if scope["type"] != "http" or scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        async with self._turn:
            await self._app(scope, receive, send)
