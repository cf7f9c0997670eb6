"""HTTP server process: runs the application until a signal, or until loading the model fails."""

from __future__ import annotations

import logging
import os
import signal
import sys

import uvicorn

from serving.app import create_app
from serving.artifacts import local_folder
from serving.http_protocol import OneWriteProtocol
from serving.model import Model
from serving.pixels import PixelLimits
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
