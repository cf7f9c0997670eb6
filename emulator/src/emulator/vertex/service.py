"""All of Vertex AI that is emulated, joined."""

from __future__ import annotations

from emulator.config import Config
from emulator.faults import Faults
from emulator.routing import Route
from emulator.state import State
from emulator.vertex import endpoints
from emulator.vertex.custom_jobs import CustomJobs
from emulator.vertex.deployments import Deployments
from emulator.vertex.endpoints import Endpoints
from emulator.vertex.models import Models
from emulator.vertex.operations import Operations
from emulator.vertex.paths import Artifacts
from emulator.vertex.predictions import Predictions
from emulator.vertex.registry import ModelRegistry
from emulator.vertex.resources import Resources
from emulator.vertex.tuning.jobs import HyperparameterTuningJobs
from emulator.vertex.wire.messages import types
from emulator.vertex.wire.table import create_routes


class VertexService:
    """JobService, ModelService, EndpointService, PredictionService and their operations."""

    def __init__(self, config: Config, state: State) -> None:
        faults = Faults(state)
        endpoint_store = Resources(state, endpoints.KIND, types.Endpoint)
        registry = ModelRegistry(state, endpoint_store)
        self._operations = Operations(state)
        self._jobs = CustomJobs(config, state, self._operations)
        self._tuning = HyperparameterTuningJobs(state, self._jobs, self._operations)
        self._deployments = Deployments(config, endpoint_store, registry, self._operations, faults)
        models = Models(registry, Artifacts(config), self._operations)
        calls = {
            **self._jobs.calls,
            **self._tuning.calls,
            **models.calls,
            **Endpoints(endpoint_store, self._operations).calls,
            **self._deployments.calls,
            **self._operations.calls,
        }
        self._routes = create_routes(calls, Predictions(state, self._deployments).handlers)

    @property
    def routes(self) -> list[Route]:
        """Every HTTP rule of the four services."""
        return self._routes

    def start(self) -> None:
        """Go on where an earlier process ended."""
        self._operations.start()
        self._deployments.start()
        self._jobs.start()
        self._tuning.start()

    def stop(self) -> None:
        """End jobs, operations and servers."""
        # First, or a tuning job would start trials for those that are ended.
        self._tuning.stop()
        self._jobs.stop()
        self._operations.stop()
        self._deployments.stop()
