"""Endpoints of Vertex AI: deployments, traffic and predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from contract.naming import label_filter
from retraining.errors import ForeignResourceError
from retraining.google.calls import (
    CALL_TIMEOUT_SECONDS,
    CREATE_SECONDS,
    delays,
    get_or_create,
    operation_result,
    retry,
)
from retraining.google.models import ModelVersion

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import Endpoint
    from google.cloud.aiplatform_v1.types import DeployedModel

    from contract.naming import DatasetNames
    from retraining.google import Clients

PREDICT_SECONDS = 60.0
OPERATION_SECONDS = 3600.0
"""A machine with an accelerator can take half an hour to come."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A model version on an endpoint.

    Attributes:
        id: the deployment's id on its endpoint.
        model: the model's resource name, without a version.
        version: the version's id.
        traffic_percent: its share of the endpoint's requests, 0 to 100.
        created: when it was put there.
    """

    id: str
    model: str
    version: str
    traffic_percent: int
    created: datetime | None = None

    def serves(self, version: ModelVersion) -> bool:
        """Return True if it is a deployment of this version."""
        return (self.model, self.version) == (version.model, version.version)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Predictions of an endpoint.

    Attributes:
        predictions: one for each instance, in order.
        version: the id of the model version that made them.
    """

    predictions: list[Any]
    version: str


class Endpoints:
    """Endpoints of one project and region; their ids are ours, so that none is found by "latest"."""

    def __init__(self, clients: Clients, *, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._client = clients.endpoints
        self._predictions = clients.predictions
        self._parent = clients.parent

    def name(self, endpoint_id: str) -> str:
        """Return the resource name of an endpoint."""
        return f"{self._parent}/endpoints/{endpoint_id}"

    def ensure(self, endpoint_id: str, names: DatasetNames) -> None:
        """Create one of a dataset's endpoints if there is none.

        Raises:
            ForeignResourceError: there is one of this id that somebody else made.
            TimeoutError: another run began to make it, but it does not appear.
        """
        from google.api_core.exceptions import Conflict

        def create() -> Endpoint:
            request = {
                "parent": self._parent,
                "endpoint_id": endpoint_id,
                "endpoint": {"display_name": endpoint_id, "labels": names.labels},
            }
            operation = self._client.create_endpoint(
                request=request, retry=None, timeout=CALL_TIMEOUT_SECONDS
            )
            made: Endpoint = self._result(operation)
            return made

        with suppress(Conflict):  # another run, or an answer that was lost, is making it just now
            get_or_create(lambda: self._find(endpoint_id), create)
        give_up = time.monotonic() + CREATE_SECONDS
        for delay in delays(self._poll_seconds):
            if self.check_ownership(endpoint_id, names):
                return
            if time.monotonic() > give_up:
                raise TimeoutError(f"{endpoint_id}: expected an endpoint in {CREATE_SECONDS:.0f} s")
            time.sleep(delay)

    def check_ownership(self, endpoint_id: str, names: DatasetNames) -> bool:
        """Refuse an endpoint that somebody else made: one without the dataset's labels.

        Returns:
            True if there is such an endpoint.

        Raises:
            ForeignResourceError: it is somebody else's.
        """
        endpoint = self._find(endpoint_id)
        if endpoint is not None and not names.owns(endpoint.labels):
            raise ForeignResourceError(
                f"{endpoint.name}: expected the labels {names.labels}, received {dict(endpoint.labels)}; "
                "it is not changed"
            )
        return endpoint is not None

    def deployments(self, endpoint_id: str) -> list[Deployment]:
        """Return the deployments on an endpoint; none if there is no such endpoint."""
        endpoint = self._find(endpoint_id)
        return [] if endpoint is None else _deployments(endpoint)

    def all(self) -> dict[str, list[Deployment]]:
        """Return the deployments on every endpoint of the region, by the endpoint's id."""
        found = self._client.list_endpoints(
            parent=self._parent, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
        )
        return {endpoint.name.rpartition("/")[2]: _deployments(endpoint) for endpoint in found}

    def labelled(self, labels: Mapping[str, str]) -> set[str]:
        """Return the ids of the endpoints that have these labels."""
        request = {"parent": self._parent, "filter": label_filter(labels)}
        found = self._client.list_endpoints(
            request=request, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
        )
        return {endpoint.name.rpartition("/")[2] for endpoint in found}

    def serving(self, endpoint_id: str) -> Deployment | None:
        """Return the deployment with the most traffic of an endpoint; None if none has any."""
        taking = [found for found in self.deployments(endpoint_id) if found.traffic_percent > 0]
        return max(taking, key=lambda found: found.traffic_percent, default=None)

    def deploy(
        self,
        endpoint_id: str,
        version: ModelVersion,
        *,
        machine_type: str,
        service_account: str | None,
    ) -> Deployment:
        """Deploy a version and give it all traffic in the same operation; others stay, without any.

        A version that is deployed already, or that an earlier attempt is deploying, is not deployed again.
        """
        self.settle(endpoint_id)
        for found in self.deployments(endpoint_id):
            if found.serves(version):
                return self.route_all(endpoint_id, found)
        deployed: dict[str, Any] = {
            "model": version.name,
            "display_name": f"{endpoint_id}-{version.version}",
            "dedicated_resources": {
                "machine_spec": {"machine_type": machine_type},
                "min_replica_count": 1,
                "max_replica_count": 1,
            },
        }
        if service_account:
            deployed["service_account"] = service_account
        operation = self._client.deploy_model(
            request={
                "endpoint": self.name(endpoint_id),
                "deployed_model": deployed,
                "traffic_split": {"0": 100},
            },
            retry=None,
            timeout=CALL_TIMEOUT_SECONDS,
        )
        made: DeployedModel = self._result(operation).deployed_model
        return Deployment(id=made.id, model=version.model, version=version.version, traffic_percent=100)

    def route_all(self, endpoint_id: str, deployment: Deployment) -> Deployment:
        """Give a deployment all traffic of its endpoint."""
        if deployment.traffic_percent != 100:
            self._split_traffic(endpoint_id, {deployment.id: 100})
        return Deployment(
            id=deployment.id, model=deployment.model, version=deployment.version, traffic_percent=100
        )

    def take_traffic(self, endpoint_id: str, deployments: Collection[str]) -> None:
        """Take the traffic of deployments, by their ids, and divide it among the others in their proportions.

        Only deployments without traffic can be undeployed.
        """
        shares = {
            found.id: found.traffic_percent
            for found in self.deployments(endpoint_id)
            if found.traffic_percent and found.id not in deployments
        }
        total = sum(shares.values())
        percents = {name: share * 100 // total for name, share in shares.items()}
        if percents:
            percents[max(shares, key=lambda name: shares[name])] += 100 - sum(percents.values())
        self._split_traffic(endpoint_id, percents)

    def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint that has no deployments."""
        self._result(
            self._client.delete_endpoint(
                name=self.name(endpoint_id), retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
            )
        )

    def settle(self, endpoint_id: str) -> None:
        """Wait for operations that an earlier attempt left running.

        Raises:
            TimeoutError: they take too long.
        """
        give_up = time.monotonic() + OPERATION_SECONDS
        for delay in delays(self._poll_seconds):
            unfinished = self._unfinished(endpoint_id)
            if not unfinished:
                return
            if time.monotonic() > give_up:
                raise TimeoutError(f"{', '.join(unfinished)}: expected an end in {OPERATION_SECONDS:.0f} s")
            time.sleep(delay)

    def clear(self, endpoint_id: str, names: DatasetNames, *, report: Callable[[Deployment], None]) -> None:
        """Undeploy everything from an endpoint of a dataset, and cancel deployments that are under way.

        Raises:
            ForeignResourceError: it is somebody else's.
        """
        self.check_ownership(endpoint_id, names)
        for operation in self._unfinished(endpoint_id):
            self._client.cancel_operation({"name": operation}, retry=retry(5.0), timeout=5.0)
        self.settle(endpoint_id)
        # Only what gets no requests may leave before others.
        for found in sorted(self.deployments(endpoint_id), key=lambda found: found.traffic_percent):
            report(found)
            self.undeploy(endpoint_id, found)

    def undeploy(self, endpoint_id: str, deployment: Deployment) -> None:
        """Undeploy a deployment; one that is gone already is no error."""
        from google.api_core.exceptions import NotFound

        try:
            operation = self._client.undeploy_model(
                request={"endpoint": self.name(endpoint_id), "deployed_model_id": deployment.id},
                retry=retry(CALL_TIMEOUT_SECONDS),
                timeout=CALL_TIMEOUT_SECONDS,
            )
            self._result(operation)
        except NotFound:
            return

    def predict(self, endpoint_id: str, instances: Sequence[Mapping[str, Any]]) -> Answer:
        """Request predictions from an endpoint.

        Args:
            endpoint_id: the endpoint.
            instances: JSON objects as the model takes them.
        """
        from google.protobuf import json_format, struct_pb2

        response = self._predictions.predict(
            endpoint=self.name(endpoint_id),
            instances=[json_format.ParseDict(dict(instance), struct_pb2.Value()) for instance in instances],
            retry=retry(PREDICT_SECONDS),
            timeout=PREDICT_SECONDS,
        )
        document = json_format.MessageToDict(type(response).pb(response))
        return Answer(predictions=document.get("predictions", []), version=response.model_version_id)

    def _split_traffic(self, endpoint_id: str, percents: Mapping[str, int]) -> None:
        self._client.update_endpoint(
            request={
                "endpoint": {"name": self.name(endpoint_id), "traffic_split": dict(percents)},
                "update_mask": {"paths": ["traffic_split"]},
            },
            retry=retry(CALL_TIMEOUT_SECONDS),
            timeout=CALL_TIMEOUT_SECONDS,
        )

    def _result(self, operation: Any) -> Any:
        return operation_result(operation, poll_seconds=self._poll_seconds, timeout_seconds=OPERATION_SECONDS)

    def _unfinished(self, endpoint_id: str) -> list[str]:
        """Return the names of the endpoint's running operations."""
        from google.api_core.exceptions import NotFound

        names: list[str] = []
        request = {"name": self.name(endpoint_id), "page_token": ""}
        try:
            while True:
                page = self._client.list_operations(
                    request, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
                )
                names += [operation.name for operation in page.operations if not operation.done]
                if not page.next_page_token:
                    return names
                request["page_token"] = page.next_page_token
        except NotFound:
            return names

    def _find(self, endpoint_id: str) -> Endpoint | None:
        from google.api_core.exceptions import NotFound

        try:
            return self._client.get_endpoint(
                name=self.name(endpoint_id), retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
            )
        except NotFound:
            return None


def _deployments(endpoint: Endpoint) -> list[Deployment]:
    return [
        Deployment(
            id=deployed.id,
            model=deployed.model.partition("@")[0],
            version=deployed.model_version_id,
            traffic_percent=endpoint.traffic_split.get(deployed.id, 0),
            created=deployed.create_time or None,
        )
        for deployed in endpoint.deployed_models
    ]
