"""Vertex AI service: composition of its parts."""

from __future__ import annotations

from emulator.config import Config
from emulator.faults import Faults
from emulator.routing import Route
from emulator.state import State
from emulator.vertex import endpoints
from emulator.vertex.batch_prediction import BatchPredictionJobs
from emulator.vertex.custom_jobs import CustomJobs
from emulator.vertex.deployments import Deployments
from emulator.vertex.endpoints import Endpoints
from emulator.vertex.gapic import types
from emulator.vertex.models import Models
from emulator.vertex.operations import Operations
from emulator.vertex.predictions import Predictions
from emulator.vertex.registry import ModelRegistry
from emulator.vertex.resources import Resources
from emulator.vertex.routes import create_routes
from emulator.vertex.serving_metrics import ServingMetrics
from emulator.vertex.tuning_jobs import HyperparameterTuningJobs

LOOPBACK = "127.0.0.1"


class VertexService:
    """JobService, ModelService, EndpointService, PredictionService and their operations.

    Attributes:
        metrics: the figures of online predictions.
    """

    def __init__(self, config: Config, state: State) -> None:
        faults = Faults(state)
        endpoint_store = Resources(state, endpoints.KIND, types.Endpoint)
        registry = ModelRegistry(state, endpoint_store)
        self._operations = Operations(state)
        self._jobs = CustomJobs(config, state, self._operations)
        self._tuning = HyperparameterTuningJobs(state, self._jobs, self._operations)
        self._deployments = Deployments(config, endpoint_store, registry, self._operations, faults)
        self._batch = BatchPredictionJobs(config, state, registry, self._operations)
        models = Models(registry, config.buckets, self._operations)
        calls = {
            **self._jobs.calls,
            **self._tuning.calls,
            **self._batch.calls,
            **models.calls,
            **Endpoints(endpoint_store, self._operations, address=f"http://{LOOPBACK}:{config.port}").calls,
            **self._deployments.calls,
            **self._operations.calls,
        }
        self.metrics = ServingMetrics()
        predictions = Predictions(state, self._deployments, self.metrics)
        self._routes = create_routes(calls, predictions.handlers)

    @property
    def routes(self) -> list[Route]:
        """Routes of the four services."""
        return self._routes

    def start(self) -> None:
        """Resume jobs and deployments of an earlier process."""
        self._operations.start()
        self._deployments.start()
        self._jobs.start()
        self._tuning.start()
        self._batch.start()

    def stop(self) -> None:
        """Stop jobs, operations and servers."""
        # First, or a tuning job would start trials for those that are ended.
        self._tuning.stop()
        self._jobs.stop()
        self._batch.stop()
        self._operations.stop()
        self._deployments.stop()
