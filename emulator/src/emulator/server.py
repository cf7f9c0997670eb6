"""Server of the emulator: one ASGI application on one loopback port, until SIGTERM or SIGINT."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from emulator import gcs_fuse
from emulator.config import DEFAULT_PROJECT, Config
from emulator.dispatch import Admit, Dispatcher, RequestGuard
from emulator.faults import Faults
from emulator.iam import AccessControl
from emulator.iam.audit import AuditLog
from emulator.iam.tokens import Tokens, TokenService
from emulator.limits import Capacity
from emulator.metadata_server import MetadataServer
from emulator.routing import Route, Router, Service
from emulator.state import State

HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 5


class RootInUseError(Exception):
    """Another emulator runs in the same folder."""


def create_services(config: Config, state: State, admit: Admit) -> dict[str, Service]:
    """Return every service, not started, by the name of its package or module.

    Args:
        config: the emulator's.
        state: of all services.
        admit: raises for a request that its sender may not make.
    """
    # Here, since the client libraries take seconds to import: `--help` does without them.
    from emulator.cloud_logging import LoggingService
    from emulator.cloud_monitoring import MonitoringService
    from emulator.dataflow.service import DataflowService
    from emulator.projects import ProjectService
    from emulator.storage.service import StorageService
    from emulator.vertex.service import VertexService

    vertex = VertexService(config, state)
    return {
        "storage": StorageService(config, state, admit),
        "dataflow": DataflowService(config, state),
        "vertex": vertex,
        "cloud_logging": LoggingService(config, state),
        "cloud_monitoring": MonitoringService(vertex.metrics),
        "projects": ProjectService(config),
    }


def create_routes(
    services: Iterable[Service], faults: Faults, tokens: TokenService, metadata: MetadataServer
) -> list[Route]:
    """Return the whole route table; the emulator's own requests come first."""
    own = [
        Route("emulator", "emulator.health", "GET", "/health", _health),
        *tokens.routes,
        *metadata.routes,
        *faults.routes,
    ]
    return own + [route for service in services for route in service.routes]


def create_app(config: Config, *, on_ready: Callable[[], None] = lambda: None) -> Starlette:
    """Return the ASGI application.

    Args:
        config: its folder, port and options.
        on_ready: called once all services have started.
    """
    state = State(config.state)
    accounts, tokens, audit = config.accounts(), Tokens(config.token_secret), AuditLog(config.root)
    admit = AccessControl(accounts, tokens, audit).admit
    services = list(create_services(config, state, admit).values())
    faults = Faults(state)
    token_service = TokenService(accounts, tokens)
    metadata = MetadataServer(tokens.secret, tokens.issue, token_service.id_token)
    routes = create_routes(services, faults, token_service, metadata)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        # Services stop here: uvicorn raises SIGTERM again before anything behind `run` gets its turn.
        for service in services:
            await run_in_threadpool(service.start)
        on_ready()
        try:
            yield
        finally:
            for service in reversed(services):
                await run_in_threadpool(service.stop)
            state.close()
            audit.close()

    dispatcher = Dispatcher(
        Router(routes), faults, admit, project=config.project, disabled_apis=config.capacity.disabled_apis
    )
    guard = Middleware(RequestGuard, allowed_hosts=config.allowed_hosts)
    return Starlette(routes=[Mount("/", app=dispatcher)], middleware=[guard], lifespan=lifespan)


async def _health(_request: Request, _fields: Mapping[str, str]) -> Response:
    return JSONResponse({"status": "ok"})


def serve(
    root: Path,
    port: int,
    images: Mapping[str, str],
    *,
    engine: str = "auto",
    allowed_hosts: Sequence[str] = (),
    project: str = DEFAULT_PROJECT,
    accounts_file: Path | None = None,
    capacity: Capacity | None = None,
    port_file: Path | None = None,
    fuse: str = gcs_fuse.AUTO,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        root: the folder that holds everything the emulator keeps; made if it isn't there.
        port: the TCP port on 127.0.0.1; 0 takes a free one.
        images: the end of an image's URI without its tag -> the Python module that runs in its place.
        engine: the container engine that runs other images, see `Config`.
        allowed_hosts: names under which it is reached besides the loopback ones.
        project: the project of the service accounts.
        accounts_file: TOML file of service accounts and roles, see `Accounts`.
        capacity: quotas, and times of waiting; None for those of the services.
        port_file: gets the port's number once requests are answered.
        fuse: whether training jobs see the buckets through a mount, see `Config`.

    Raises:
        RootInUseError: another emulator runs in the same folder.
        AccountsFileError: the file of accounts can't be used.
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
        config = Config(
            root,
            listener.getsockname()[1],
            images,
            engine,
            tuple(allowed_hosts),
            project,
            accounts_file,
            capacity or Capacity(),
            fuse,
        )
        config.buckets.mkdir(exist_ok=True)
        config.jobs.mkdir(exist_ok=True)

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
            # No service has web sockets, and the guard looks at HTTP requests only.
            ws="none",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
        uvicorn.Server(settings).run(sockets=[listener])


def _take(lock: IO[str], root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RootInUseError(f"--root: another emulator runs in {root}") from error
