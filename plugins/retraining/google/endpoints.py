"""Endpoints of Vertex AI: deployments, traffic and predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from retraining.google.deployments import (
    Deployment,
    dedicated_resources,
    deployments_of,
    endpoint_fields,
    leading,
)
from retraining.google.models import ModelVersion

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import Endpoint, PredictionServiceClient
    from google.cloud.aiplatform_v1.types import DeployedModel

    from contract import ServingSpec
    from contract.naming import DatasetNames
    from retraining.google import Clients

PREDICT_SECONDS = 60.0
WHOLE = 100
"""Traffic splits are shares of the requests in whole percent, by the deployment's id."""
_BEING_DEPLOYED = "0"
"""Key in a traffic split for the model that is just being deployed."""
OPERATION_SECONDS = 3600.0
"""A machine with an accelerator can take half an hour to come."""


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

    def __init__(
        self, clients: Clients, *, poll_seconds: float, fields: Mapping[str, Any] | None = None
    ) -> None:
        """Create the service.

        Args:
            clients: of the project and region.
            poll_seconds: longest interval between polls of an operation.
            fields: of a new endpoint: its labels besides the dataset's, and the key that encrypts it.
        """
        self._fields = dict(fields or {})
        self._poll_seconds = poll_seconds
        self._client = clients.endpoints
        self._clients = clients
        self._hosts: dict[str, str] = {}
        self._parent = clients.parent

    def name(self, endpoint_id: str) -> str:
        """Return the resource name of an endpoint."""
        return f"{self._parent}/endpoints/{endpoint_id}"

    def ensure(self, endpoint_id: str, names: DatasetNames, serving: ServingSpec) -> None:
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
                "endpoint": {
                    **self._fields,
                    **endpoint_fields(serving),
                    "display_name": endpoint_id,
                    "labels": {**self._fields.get("labels", {}), **names.labels},
                },
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
        return [] if endpoint is None else deployments_of(endpoint)

    def all(self) -> dict[str, list[Deployment]]:
        """Return the deployments on every endpoint of the region, by the endpoint's id."""
        found = self._client.list_endpoints(
            parent=self._parent, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
        )
        return {endpoint.name.rpartition("/")[2]: deployments_of(endpoint) for endpoint in found}

    def labelled(self, labels: Mapping[str, str]) -> set[str]:
        """Return the ids of the endpoints that have these labels."""
        request = {"parent": self._parent, "filter": label_filter(labels)}
        found = self._client.list_endpoints(
            request=request, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
        )
        return {endpoint.name.rpartition("/")[2] for endpoint in found}

    def serving(self, endpoint_id: str) -> Deployment | None:
        """Return the deployment with the most traffic of an endpoint; None if none has any."""
        return leading(self.deployments(endpoint_id))

    def traffic(self, endpoint_id: str) -> dict[str, int]:
        """Return the traffic split of an endpoint, without deployments that have none."""
        found = self.deployments(endpoint_id)
        return {one.id: one.traffic_percent for one in found if one.traffic_percent}

    def deploy(
        self,
        endpoint_id: str,
        version: ModelVersion,
        *,
        serving: ServingSpec,
        service_account: str | None,
        percent: int = WHOLE,
        found: Mapping[str, int] | None = None,
    ) -> Deployment:
        """Deploy a version and give it its share of the traffic in the same operation.

        A version that is deployed already, or that an earlier attempt is deploying, is not deployed again.

        Args:
            endpoint_id: the endpoint.
            version: to deploy.
            serving: its machines, with their type.
            service_account: that its server acts as; None for the service's default.
            percent: its share; all others keep their proportions.
            found: the split before, whose proportions these are; by default the present one.
        """
        self.settle(endpoint_id)
        before = self.deployments(endpoint_id)
        shares = {one.id: one.traffic_percent for one in before} if found is None else found
        for one in before:
            if one.serves(version):
                split = with_share(shares, one.id, percent)
                self.set_traffic(endpoint_id, split)
                return replace(one, traffic_percent=split[one.id])
        deployed: dict[str, Any] = {
            "model": version.name,
            "display_name": f"{endpoint_id}-{version.version}",
            "dedicated_resources": dedicated_resources(serving),
        }
        if service_account:
            deployed["service_account"] = service_account
        split = with_share(shares, _BEING_DEPLOYED, percent)
        operation = self._client.deploy_model(
            request={
                "endpoint": self.name(endpoint_id),
                "deployed_model": deployed,
                "traffic_split": split,
            },
            retry=None,
            timeout=CALL_TIMEOUT_SECONDS,
        )
        made: DeployedModel = self._result(operation).deployed_model
        return Deployment(
            id=made.id,
            model=version.model,
            version=version.version,
            traffic_percent=split[_BEING_DEPLOYED],
            created=made.create_time or None,
        )

    def set_traffic(self, endpoint_id: str, split: Mapping[str, int]) -> None:
        """Divide the traffic of an endpoint; nothing is written where it is divided so already.

        Args:
            endpoint_id: the endpoint.
            split: share of each deployment in percent, by its id; those that are left out have none.
        """
        wanted = {name: share for name, share in split.items() if share}
        if self.traffic(endpoint_id) == wanted:
            return
        self._client.update_endpoint(
            request={
                "endpoint": {"name": self.name(endpoint_id), "traffic_split": wanted},
                "update_mask": {"paths": ["traffic_split"]},
            },
            retry=retry(CALL_TIMEOUT_SECONDS),
            timeout=CALL_TIMEOUT_SECONDS,
        )

    def take_traffic(self, endpoint_id: str, deployments: Collection[str]) -> None:
        """Take the traffic of deployments, by their ids, and divide it among the others in their proportions.

        Only deployments without traffic can be undeployed.
        """
        shares = self.traffic(endpoint_id)
        others = {name: share for name, share in shares.items() if name not in deployments}
        self.set_traffic(endpoint_id, scaled(others, WHOLE))

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
        there = sorted(self.deployments(endpoint_id), key=lambda found: found.traffic_percent)
        if there and 0 < there[-1].traffic_percent < WHOLE:
            self.set_traffic(endpoint_id, {there[-1].id: WHOLE})
        for found in there:
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

        response = self._prediction_client(endpoint_id).predict(
            endpoint=self.name(endpoint_id),
            instances=[json_format.ParseDict(dict(instance), struct_pb2.Value()) for instance in instances],
            retry=retry(PREDICT_SECONDS),
            timeout=PREDICT_SECONDS,
        )
        document = json_format.MessageToDict(type(response).pb(response))
        return Answer(predictions=document.get("predictions", []), version=response.model_version_id)

    def _prediction_client(self, endpoint_id: str) -> PredictionServiceClient:
        """Return the client for predictions: a dedicated endpoint has a host of its own."""
        if endpoint_id not in self._hosts:
            endpoint = self._find(endpoint_id)
            self._hosts[endpoint_id] = endpoint.dedicated_endpoint_dns if endpoint else ""
        return self._clients.predictions_at(self._hosts[endpoint_id])

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


def scaled(shares: Mapping[str, int], total: int) -> dict[str, int]:
    """Return shares in the same proportions that add up to a total; those of nothing are left out."""
    known = {name: share for name, share in shares.items() if share > 0}
    whole = sum(known.values())
    if not whole or not total:
        return {}
    found = {name: share * total // whole for name, share in known.items()}
    found[max(known, key=lambda name: known[name])] += total - sum(found.values())
    return {name: share for name, share in found.items() if share}


def with_share(found: Mapping[str, int], deployment: str, percent: int) -> dict[str, int]:
    """Return a split in which one deployment has a share, and all others keep their proportions.

    Args:
        found: the split before it.
        deployment: whose share it is; it gets everything where no other has traffic.
        percent: its share.
    """
    others = scaled({name: share for name, share in found.items() if name != deployment}, WHOLE - percent)
    return {**others, deployment: WHOLE - sum(others.values())}
