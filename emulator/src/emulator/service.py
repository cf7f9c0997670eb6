"""What `app` asks of a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from emulator.config import Config
from emulator.routing import Route
from emulator.state import State


class Service(Protocol):
    """One emulated service: its routes, and what it runs besides answering them."""

    @property
    def routes(self) -> list[Route]:
        """Every method that the service has, also those that aren't emulated."""

    def start(self) -> None:
        """Find again what ran before; called once, in a thread, before the first request."""

    def stop(self) -> None:
        """Stop own children; called once, in a thread, after the last request."""


ServiceFactory: TypeAlias = Callable[[Config, State], Service]
