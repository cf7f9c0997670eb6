"""All services as one ASGI application on one port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from emulator import cloud_logging, credentials, dataflow, storage, vertex
from emulator.config import Config
from emulator.dispatch import Dispatcher, RequestGuard
from emulator.faults import Faults
from emulator.routing import Route, Router
from emulator.service import Service, ServiceFactory
from emulator.state import State

SERVICES: Mapping[str, ServiceFactory] = {
    "storage": storage.create,
    "dataflow": dataflow.create,
    "vertex": vertex.create,
    "cloud_logging": cloud_logging.create,
}


def create_services(config: Config, state: State) -> list[Service]:
    """Every service, not started."""
    return [create(config, state) for create in SERVICES.values()]


def create_routes(services: list[Service], faults: Faults) -> list[Route]:
    """The whole route table; the emulator's own requests first."""
    own = [
        Route("emulator", "emulator.health", "GET", "/health", _health),
        *credentials.routes(),
        *faults.routes,
    ]
    return own + [route for service in services for route in service.routes]


def create_app(config: Config, *, on_ready: Callable[[], None] = lambda: None) -> Starlette:
    """The application.

    Args:
        config: where it lives.
        on_ready: called once all services have started.
    """
    state = State(config.state)
    services = create_services(config, state)
    faults = Faults(state)

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

    dispatcher = Dispatcher(Router(create_routes(services, faults)), faults)
    guard = Middleware(RequestGuard, allowed_hosts=config.allowed_hosts)
    return Starlette(routes=[Mount("/", app=dispatcher)], middleware=[guard], lifespan=lifespan)


async def _health(_request: Request, _fields: Mapping[str, str]) -> Response:
    return JSONResponse({"status": "ok"})
