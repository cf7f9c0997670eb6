"""The bucket and the registry, through the clients that the steps use, too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from retraining.google import Clients
from retraining.google.endpoints import Endpoints
from retraining.google.models import Models
from retraining.google.storage import Storage
from retraining.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Services:
    """A deployment and its clients, each made when it is first used."""

    settings: Settings
    clients: Clients

    @property
    def storage(self) -> Storage:
        """Cloud Storage."""
        return Storage(self.clients)

    @property
    def models(self) -> Models:
        """The Model Registry."""
        return Models(self.clients, poll_seconds=self.settings.poll_seconds)

    @property
    def endpoints(self) -> Endpoints:
        """The endpoints."""
        return Endpoints(self.clients, poll_seconds=self.settings.poll_seconds)

    @property
    def in_google_cloud(self) -> bool:
        """Whether Google's console shows what is in them."""
        return not self.clients.extras.get("vertex_ai_endpoint")


@cache
def services() -> Services:
    """The services of this process; its clients are shared by all requests.

    Raises:
        ConfigurationError: a setting is missing.
    """
    settings = Settings.from_environment()
    clients = Clients(settings.connection_id, project=settings.project, region=settings.region)
    return Services(settings=settings, clients=clients)
