"""Turns of the API server's requests that write, where one SQLite file is the whole database.

Airflow writes its audit log inside the event loop, and waits there for the lock of another request, which
needs the event loop to end: both stand still until SQLite's timeout, and one fails. The dialog of a paused
DAG sends two such requests at once, a run and the end of the pause.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

READING = frozenset({"GET", "HEAD", "OPTIONS"})


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
