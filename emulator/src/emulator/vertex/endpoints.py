"""Endpoints: EndpointService's methods, except those for deployed models.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf import empty_pb2

from emulator.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from emulator.vertex.gapic import types
from emulator.vertex.names import check_display_name, check_endpoint_id, check_labels, location_of, new_id
from emulator.vertex.operations import Operations
from emulator.vertex.resources import Resources, select_page
from emulator.vertex.traffic import check_split

KIND = "vertex.endpoints"

_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(hours=1)
_UPDATABLE = frozenset({"display_name", "description", "labels", "traffic_split"})


class Endpoints:
    """EndpointService's methods for endpoints themselves."""

    def __init__(self, endpoints: Resources, operations: Operations, *, address: str) -> None:
        """Create the methods.

        Args:
            endpoints: the store of all endpoints.
            operations: of the service.
            address: of the emulator, for the predictions of dedicated endpoints.
        """
        self._endpoints = endpoints
        self._operations = operations
        self._address = address

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """Handlers by the name of the method."""
        return {
            "EndpointService.CreateEndpoint": self.create,
            "EndpointService.GetEndpoint": self.get,
            "EndpointService.ListEndpoints": self.list,
            "EndpointService.UpdateEndpoint": self.update,
            "EndpointService.DeleteEndpoint": self.delete,
        }

    def create(self, request: Any) -> Any:
        """EndpointService.CreateEndpoint."""
        endpoint = types.Endpoint(request.endpoint)
        check_display_name(endpoint.display_name, "endpoint.display_name")
        check_labels(dict(endpoint.labels), "endpoint.labels")
        if request.endpoint_id:
            check_endpoint_id(request.endpoint_id)
        if endpoint.deployed_models or endpoint.traffic_split:
            raise InvalidArgument("endpoint: expected no deployed_models and no traffic_split, received some")
        _check_timeout(endpoint)
        endpoint.name = f"{request.parent}/endpoints/{request.endpoint_id or new_id()}"
        if self._endpoints.exists(endpoint.name):
            raise AlreadyExists(f"The Endpoint {endpoint.name} already exists.")

        def work(_cancelled: threading.Event) -> Any:
            endpoint.create_time = endpoint.update_time = datetime.now(UTC)
            self._endpoints.put(endpoint)
            return self._with_address(endpoint)

        return self._operations.begin(endpoint.name, types.CreateEndpointOperationMetadata(), work)

    def get(self, request: Any) -> Any:
        """EndpointService.GetEndpoint."""
        return self._with_address(self._endpoints.get(request.name))

    def list(self, request: Any) -> Any:
        """EndpointService.ListEndpoints: newest first."""
        page, token = select_page(
            [self._with_address(one) for one in self._endpoints.newest_first(request.parent)],
            filter_text=request.filter,
            order_by=request.order_by,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return types.ListEndpointsResponse(endpoints=page, next_page_token=token)

    def update(self, request: Any) -> Any:
        """EndpointService.UpdateEndpoint: display name, description, labels and traffic split."""
        paths = list(request.update_mask.paths)
        if not paths or set(paths) - _UPDATABLE:
            raise InvalidArgument(f"update_mask: expected some of {sorted(_UPDATABLE)}, received {paths}")
        wanted = request.endpoint
        if "display_name" in paths:
            check_display_name(wanted.display_name, "endpoint.display_name")
        if "labels" in paths:
            check_labels(dict(wanted.labels), "endpoint.labels")

        def change(endpoint: Any) -> None:
            if "traffic_split" in paths and wanted.traffic_split:
                check_split(wanted.traffic_split, [deployed.id for deployed in endpoint.deployed_models])
            for path in paths:
                setattr(endpoint, path, getattr(wanted, path))

        return self._with_address(self._endpoints.change(wanted.name, change))

    def delete(self, request: Any) -> Any:
        """EndpointService.DeleteEndpoint: only of one without deployed models."""
        endpoint = self._endpoints.get(request.name)
        if endpoint.deployed_models:
            raise FailedPrecondition(
                f"The Endpoint {endpoint.name} has deployed models "
                f"({', '.join(deployed.id for deployed in endpoint.deployed_models)}): undeploy them first."
            )

        def work(_cancelled: threading.Event) -> Any:
            self._endpoints.delete(endpoint.name)
            return empty_pb2.Empty()

        return self._operations.begin(location_of(endpoint.name), types.DeleteOperationMetadata(), work)

    def _with_address(self, endpoint: Any) -> Any:
        """Return an endpoint with its own address, which isn't stored: the next emulator has another port."""
        endpoint.dedicated_endpoint_dns = self._address if endpoint.dedicated_endpoint_enabled else ""
        return endpoint


def _check_timeout(endpoint: Any) -> None:
    """Refuse a timeout of predictions that the service would refuse.

    https://cloud.google.com/vertex-ai/docs/predictions/create-public-endpoint
    """
    if "inference_timeout" not in endpoint.client_connection_config:
        return
    timeout = endpoint.client_connection_config.inference_timeout
    if not endpoint.dedicated_endpoint_enabled:
        raise InvalidArgument(
            "client_connection_config.inference_timeout: expected none without dedicated_endpoint_enabled, "
            f"received {timeout}"
        )
    if not _SHORTEST <= timeout <= _LONGEST:
        raise InvalidArgument(
            f"client_connection_config.inference_timeout: expected 1 s to 3600 s, received {timeout}"
        )
