"""HTTP server process: runs the application until a signal, or until loading the model fails.

A response is one write. Each write is a system call that wakes the client, which costs more than a row of a
small model; uvicorn makes two for each response.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.app import create_app
from serving.artifacts import local_folder
from serving.instances import PixelLimits
from serving.model import Model
from serving.service import PredictionService
from serving.settings import Settings


def serve(settings: Settings) -> int:
    """Listen immediately, load the model in the background, and serve until SIGTERM or SIGINT.

    Returns:
        Exit status of the process: 0 after a graceful shutdown, 1 if the model can't be loaded.

    Raises:
        SystemExit: the port is in use.
    """
    failed = False

    def shut_down() -> None:
        nonlocal failed
        failed = True
        server.should_exit = True

    service = PredictionService(
        lambda: Model(
            local_folder(settings.model, cache=settings.cache),
            pixels=PixelLimits(image=settings.max_pixels, request=settings.max_request_pixels),
        ),
        settings=settings,
        on_failure=shut_down,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings, service),
            host=settings.host,
            port=settings.port,
            http=OneWriteProtocol,
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=settings.drain_seconds,
        )
    )
    # After a graceful shutdown uvicorn raises the signal again: its handler must let the process exit with 0.
    for received in (signal.SIGTERM, signal.SIGINT):
        signal.signal(received, lambda *_: None if server.should_exit else sys.exit(0))
    # Bound before anything starts, so that a port in use ends the process at once.
    listener = server.config.bind_socket()
    server.run(sockets=[listener])
    status = 1 if failed else 0
    if service.loading:
        # The interpreter can't exit cleanly while a thread imports TensorFlow; there is no state to save.
        logging.shutdown()
        os._exit(status)
    return status


class JoinedWrites:
    """Transport that joins what is written in one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Wrap a transport.

        Args:
            transport: of the connection.
            loop: that the connection belongs to.
        """
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write at the end of this turn."""
        if not self._pieces:
            self._loop.call_soon(self.flush)
        self._pieces.append(data)

    def flush(self) -> None:
        """Write what there is."""
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def close(self) -> None:
        """Write what there is, and close."""
        self.flush()
        self._transport.close()


class OneWriteProtocol(HttpToolsProtocol):
    """HTTP protocol whose responses leave in one piece."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(cast(asyncio.Transport, JoinedWrites(transport, self.loop)))
