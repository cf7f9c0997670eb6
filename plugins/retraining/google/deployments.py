"""Deployments of model versions: as an endpoint has them, and as a request asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from retraining.google.models import ModelVersion

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import Endpoint

    from contract import ServingSpec


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

    @property
    def version_name(self) -> str:
        """Resource name of its version."""
        return f"{self.model}@{self.version}"

    def serves(self, version: ModelVersion) -> bool:
        """Return True if it is a deployment of this version."""
        return self.version_name == version.name


def leading(deployments: Iterable[Deployment]) -> Deployment | None:
    """Return the deployment with the most traffic; None if none has any."""
    taking = [found for found in deployments if found.traffic_percent > 0]
    return max(taking, key=lambda found: found.traffic_percent, default=None)


def dedicated_resources(serving: ServingSpec) -> dict[str, Any]:
    """Return the DedicatedResources of a deployed model whose machine type is said.

    https://cloud.google.com/vertex-ai/docs/reference/rest/v1/DedicatedResources
    """
    machine: dict[str, Any] = {"machine_type": serving.machine_type}
    measured = "cpu/utilization"
    if serving.accelerator_type:
        machine |= {
            "accelerator_type": serving.accelerator_type,
            "accelerator_count": serving.accelerator_count or 1,
        }
        measured = "accelerator/duty_cycle"
    least = serving.min_replicas or 1
    resources: dict[str, Any] = {
        "machine_spec": machine,
        "min_replica_count": least,
        "max_replica_count": serving.max_replicas or least,
    }
    if serving.target_utilization is not None:
        metric = f"aiplatform.googleapis.com/prediction/online/{measured}"
        resources["autoscaling_metric_specs"] = [
            {"metric_name": metric, "target": serving.target_utilization}
        ]
    return resources


def endpoint_fields(serving: ServingSpec) -> dict[str, Any]:
    """Return the fields of an endpoint with a network path of its own.

    https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type
    """
    if not serving.dedicated_endpoint:
        return {}
    fields: dict[str, Any] = {"dedicated_endpoint_enabled": True}
    if serving.request_timeout_seconds is not None:
        timeout = timedelta(seconds=serving.request_timeout_seconds)
        fields["client_connection_config"] = {"inference_timeout": timeout}
    return fields


def deployments_of(endpoint: Endpoint) -> list[Deployment]:
    """Return the deployments of an endpoint."""
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
