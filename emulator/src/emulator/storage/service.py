"""Joins the handlers of Cloud Storage into its route table."""

from __future__ import annotations

from emulator.config import Config
from emulator.routing import Route
from emulator.state import State


class StorageService:
    """Cloud Storage."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def routes(self) -> list[Route]:
        """Every method of the JSON API."""
        return []

    def start(self) -> None:
        """Nothing runs besides requests."""

    def stop(self) -> None:
        """Nothing runs besides requests."""


def create(config: Config, _state: State) -> StorageService:
    """The service."""
    return StorageService(config)
