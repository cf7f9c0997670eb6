"""Deployed models: EndpointService's methods for them, and their serving processes.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints/deployModel
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.config import Config
from emulator.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from emulator.faults import Faults
from emulator.iam import require_act_as
from emulator.vertex.containers import server_spec
from emulator.vertex.gapic import types
from emulator.vertex.machines import check_machine
from emulator.vertex.names import check_deployed_model_id, new_deployed_model_id
from emulator.vertex.operations import Operations
from emulator.vertex.paths import child_path
from emulator.vertex.registry import ModelRegistry
from emulator.vertex.resources import Resources
from emulator.vertex.servers import ModelServer, remove_orphans
from emulator.vertex.traffic import split_after_deploy, split_after_undeploy

_METRICS = "aiplatform.googleapis.com/prediction/online/"
_MOST_BY_METRIC = {
    f"{_METRICS}accelerator/duty_cycle": 100,
    f"{_METRICS}cpu/utilization": 100,
    f"{_METRICS}request_count": 2**31 - 1,
}
"""Highest targets of autoscaling: percent, or requests in a minute for each replica."""


class Deployments:
    """EndpointService's methods for deployed models, and the servers behind them."""

    def __init__(
        self,
        config: Config,
        endpoints: Resources,
        registry: ModelRegistry,
        operations: Operations,
        faults: Faults,
    ) -> None:
        self._config = config
        self._endpoints = endpoints
        self._registry = registry
        self._operations = operations
        self._faults = faults
        self._servers: dict[str, ModelServer] = {}

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """Handlers by the name of the method."""
        return {
            "EndpointService.DeployModel": self.deploy,
            "EndpointService.UndeployModel": self.undeploy,
        }

    def start(self) -> None:
        """Start the servers of all deployed models."""
        remove_orphans(self._directory)
        for endpoint in self._endpoints.newest_first():
            for deployed in endpoint.deployed_models:
                try:
                    server = self._server(endpoint.name, deployed)
                except (FailedPrecondition, InvalidArgument) as error:
                    # Started with fewer images than before, or the id is no folder's name: its predictions
                    # answer 503, all else works.
                    print(f"emulator: {endpoint.name}: {error.message}", file=sys.stderr)
                    continue
                self._servers[deployed.id] = server
                server.restore()

    def stop(self) -> None:
        """Stop all servers; the next `start` starts them again."""
        threads = [threading.Thread(target=server.stop) for server in list(self._servers.values())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def predict_url(self, deployed_model_id: str) -> str | None:
        """Return the URL for predictions of a deployed model; `None` while its server isn't ready."""
        server = self._servers.get(deployed_model_id)
        return None if server is None else server.predict_url

    def deploy(self, request: Any) -> Any:
        """EndpointService.DeployModel: starts a server; the endpoint changes once it is healthy."""
        endpoint = self._endpoints.get(request.endpoint)
        deployed = types.DeployedModel(request.deployed_model)
        if not deployed.model:
            raise InvalidArgument("deployed_model.model: required")
        if not deployed.dedicated_resources.machine_spec.machine_type:
            raise InvalidArgument("deployed_model.dedicated_resources.machine_spec.machine_type: required")
        _check_resources(deployed.dedicated_resources)
        require_act_as(deployed.service_account)
        model = self._registry.version(deployed.model)
        deployed.id = deployed.id or new_deployed_model_id()
        check_deployed_model_id(deployed.id, "deployed_model.id")
        if any(
            deployed.id in (other.id for other in e.deployed_models) for e in self._endpoints.newest_first()
        ):
            raise AlreadyExists(f"deployed_model.id: {deployed.id} is taken")
        deployed.model, deployed.model_version_id = model.name, model.version_id
        deployed.display_name = deployed.display_name or model.display_name
        requested = dict(request.traffic_split)
        # Validated before the operation, so that the request itself fails.
        _split_with_new(endpoint, deployed.id, requested)

        def work(cancelled: threading.Event) -> Any:
            if self._faults.take("failed_deploy"):
                raise FailedPrecondition("Model server exited unexpectedly. (An injected fault.)")
            slow = self._faults.take("slow_start")
            delay = self._config.capacity.deploy_seconds + (slow.delay_seconds if slow else 0.0)
            server = self._server(endpoint.name, deployed, delay_seconds=delay)
            server.deploy(cancelled)
            self._servers[deployed.id] = server
            deployed.create_time = datetime.now(UTC)

            def change(current: Any) -> None:
                current.traffic_split = _split_with_new(current, deployed.id, requested)
                current.deployed_models.append(deployed)

            try:
                self._endpoints.change(endpoint.name, change)
            except (NotFound, InvalidArgument):
                # Deleted, or its models undeployed, while the server started.
                self._servers.pop(deployed.id).remove()
                raise
            return types.DeployModelResponse(deployed_model=deployed)

        return self._operations.begin(endpoint.name, types.DeployModelOperationMetadata(), work)

    def undeploy(self, request: Any) -> Any:
        """EndpointService.UndeployModel: first the endpoint changes, then the server ends."""
        removed = request.deployed_model_id
        requested = dict(request.traffic_split)
        _split_without(self._endpoints.get(request.endpoint), removed, requested)

        def work(_cancelled: threading.Event) -> Any:
            def change(endpoint: Any) -> None:
                endpoint.traffic_split = _split_without(endpoint, removed, requested)
                endpoint.deployed_models = [
                    other for other in endpoint.deployed_models if other.id != removed
                ]

            self._endpoints.change(request.endpoint, change)
            server = self._servers.pop(removed, None)
            if server is not None:
                server.remove()
            return types.UndeployModelResponse()

        return self._operations.begin(request.endpoint, types.UndeployModelOperationMetadata(), work)

    @property
    def _directory(self) -> Path:
        return self._config.root / "servers"

    def _server(self, endpoint: str, deployed: Any, *, delay_seconds: float = 0.0) -> ModelServer:
        model = self._registry.version(f"{deployed.model}@{deployed.model_version_id}")
        spec = server_spec(self._config, endpoint, deployed, model, delay_seconds=delay_seconds)
        return ModelServer(child_path(self._directory, deployed.id), spec)


def _split_with_new(endpoint: Any, new: str, requested: Mapping[str, int]) -> dict[str, int]:
    others = [deployed.id for deployed in endpoint.deployed_models]
    return split_after_deploy(dict(endpoint.traffic_split), requested, new_id=new, others=others)


def _split_without(endpoint: Any, removed: str, requested: Mapping[str, int]) -> dict[str, int]:
    ids = [deployed.id for deployed in endpoint.deployed_models]
    if removed not in ids:
        check_deployed_model_id(removed, "deployed_model_id")
        raise NotFound(f"deployed_model_id: {removed!r} is not deployed to {endpoint.name}")
    others = [other for other in ids if other != removed]
    return split_after_undeploy(dict(endpoint.traffic_split), requested, removed=removed, others=others)


def _check_resources(resources: Any) -> None:
    """Refuse replicas, accelerators and autoscaling that the service would refuse.

    https://cloud.google.com/vertex-ai/docs/reference/rest/v1/DedicatedResources
    """
    field, machine = "deployed_model.dedicated_resources", resources.machine_spec
    least, most = resources.min_replica_count, resources.max_replica_count
    if least < 1:
        raise InvalidArgument(f"{field}.min_replica_count: expected 1 or more, received {least}")
    # 0 stands for the least number.
    if most and most < least:
        raise InvalidArgument(f"{field}.max_replica_count: expected {least} or more, received {most}")
    check_machine(machine, f"{field}.machine_spec", training=False)
    _check_autoscaling(resources.autoscaling_metric_specs, f"{field}.autoscaling_metric_specs")


def _check_autoscaling(specs: Any, field: str) -> None:
    names = [spec.metric_name for spec in specs]
    for name, spec in zip(names, specs, strict=True):
        most = _MOST_BY_METRIC.get(name)
        if most is None:
            known = sorted(_MOST_BY_METRIC)
            raise InvalidArgument(f"{field}.metric_name: expected one of {known}, received {name!r}")
        if names.count(name) > 1:
            raise InvalidArgument(f"{field}: expected one of each metric, received {names}")
        # 0 stands for the service's default.
        if not 0 <= spec.target <= most:
            raise InvalidArgument(f"{field}.target: expected 1 to {most}, received {spec.target}")
