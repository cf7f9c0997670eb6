"""What a step works with: the deployment's settings, the run it belongs to, and Google's clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from retraining.google.clients import Clients
from retraining.google.storage import Storage
from retraining.run import Run
from retraining.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A step's surroundings, made when it runs.

    Attributes:
        settings: the deployment.
        run: the DAG run.
        params: the run's parameters.
        clients: Google's clients.
    """

    settings: Settings
    run: Run
    params: Mapping[str, Any]
    clients: Clients

    @property
    def storage(self) -> Storage:
        """Cloud Storage."""
        return Storage(self.clients)


@contextmanager
def open_bench(context: Mapping[str, Any]) -> Iterator[Bench]:
    """The bench of a task's context; its connections are closed at the end.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    settings = Settings.from_environment()
    clients = Clients(settings.connection_id, project=settings.project, region=settings.region)
    try:
        yield Bench(
            settings=settings, run=Run.from_context(context), params=context["params"], clients=clients
        )
    finally:
        clients.close()
