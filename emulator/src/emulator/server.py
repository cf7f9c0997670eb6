"""Runs the emulator on a loopback port until it is told to stop."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import uvicorn

from emulator.app import create_app
from emulator.config import Config
from emulator.credentials import write_credentials

HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 5


class RootInUseError(Exception):
    """Another emulator runs in the same folder."""


def serve(
    root: Path,
    port: int,
    images: Mapping[str, str],
    *,
    engine: str = "auto",
    allowed_hosts: Sequence[str] = (),
    port_file: Path | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        root: the folder that holds everything the emulator keeps; made if it isn't there.
        port: the TCP port on 127.0.0.1; 0 takes a free one.
        images: the end of an image's URI without its tag -> the Python module that runs in its place.
        engine: the container engine that runs other images, see `Config`.
        allowed_hosts: names under which it is reached besides the loopback ones.
        port_file: gets the port's number once requests are answered.

    Raises:
        RootInUseError: another emulator runs in the same folder.
        OSError: the port is taken.
    """
    root = root.resolve()
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("a+") as lock, socket.socket() as listener:
        _take(lock, root)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        # From here on the kernel queues what arrives before the application is ready.
        listener.listen(128)
        config = Config(root, listener.getsockname()[1], images, engine, tuple(allowed_hosts))
        config.buckets.mkdir(exist_ok=True)
        config.jobs.mkdir(exist_ok=True)
        write_credentials(config)

        def on_ready() -> None:
            print(f"emulator: {config.url} keeps its state in {root}", flush=True)
            if port_file is not None:
                temporary = port_file.with_name(f"{port_file.name}.new")
                temporary.write_text(f"{config.port}\n")
                temporary.replace(port_file)

        settings = uvicorn.Config(
            create_app(config, on_ready=on_ready),
            log_level="warning",
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        uvicorn.Server(settings).run(sockets=[listener])


def _take(lock: IO[str], root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RootInUseError(f"--root: another emulator runs in {root}") from error
