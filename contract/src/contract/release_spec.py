"""The release of a dataset's model: steps of the traffic, checks between them, and machines that serve."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from pydantic import ConfigDict

from contract.validation import ContractError


@dataclass(frozen=True, kw_only=True)
class RolloutSpec:
    """Steps in which a new version gets the traffic of production, with checks after each.

    Golden requests are checked at each step. Error rate and latency are those of Cloud Monitoring's series of
    the endpoint, `prediction/online/*`, since the step began; they are read where a step has a wait. If a
    check fails, the traffic split that was found is restored.

    Attributes:
        steps: share of the traffic at each step, in percent, rising to 100.
        wait_minutes: time that each step but the last lasts; the service's series lag behind by minutes.
        max_error_rate: largest fraction of failed requests of the new version, 0 to 1.
        max_latency_seconds: largest 95th percentile of its latency; None for no such limit.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    steps: tuple[int, ...] = (100,)
    wait_minutes: float = 0.0
    max_error_rate: float = 0.01
    max_latency_seconds: float | None = None

    def __post_init__(self) -> None:
        rises = all(one < other for one, other in zip((0, *self.steps), self.steps, strict=False))
        if not self.steps or not rises or self.steps[-1] != 100:
            raise ContractError(
                "rollout.steps", expected="rising percentages, 100 the last", received=self.steps
            )
        if not 0 <= self.wait_minutes < math.inf:
            raise ContractError("rollout.wait_minutes", expected="0 or more", received=self.wait_minutes)
        if not 0 <= self.max_error_rate <= 1:
            raise ContractError("rollout.max_error_rate", expected="0 to 1", received=self.max_error_rate)
        limit = self.max_latency_seconds
        if limit is not None and not 0 < limit < math.inf:
            raise ContractError("rollout.max_latency_seconds", expected="more than 0", received=limit)


@dataclass(frozen=True, kw_only=True)
class ServingSpec:
    """Machines of a deployed model, and its endpoint; what is None, the deployment says.

    https://cloud.google.com/vertex-ai/docs/general/deployment

    Attributes:
        machine_type: `n1-standard-4` for instance.
        accelerator_type: in Vertex AI's terms, `NVIDIA_TESLA_T4` for instance; none beside a machine type
            that is said.
        accelerator_count: of each machine; 1 unless said.
        min_replicas: machines that always run, 1 or more; 1 unless said.
        max_replicas: machines under load; `min_replicas` unless said.
        target_utilization: use of the CPU, or of the accelerator where there is one, that autoscaling aims
            at, in percent; None for the service's default, 60.
        dedicated_endpoint: whether the endpoints have a network path and a host name of their own, with
            larger requests; no unless said. It holds for endpoints that are made from then on.
        request_timeout_seconds: longest time of a prediction, 1 to 3600; only with a dedicated endpoint. None
            for the service's default.
        keep_replaced_minutes: time for which a version that was replaced stays deployed, without traffic, for
            an instant way back; `housekeeping` takes it off. It costs its machines for so long; 0 unless
            said.

    Raises:
        ContractError: a field has a value that it can't have.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    machine_type: str | None = None
    accelerator_type: str | None = None
    accelerator_count: int | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    target_utilization: int | None = None
    dedicated_endpoint: bool | None = None
    request_timeout_seconds: float | None = None
    keep_replaced_minutes: float | None = None

    def __post_init__(self) -> None:
        if self.machine_type == "":
            raise ContractError("serving.machine_type", expected="a machine type", received="")
        least = self.min_replicas or 1
        for name, lowest in (("accelerator_count", 1), ("min_replicas", 1), ("max_replicas", least)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise ContractError(f"serving.{name}", expected=f"{lowest} or more", received=value)
        target, timeout = self.target_utilization, self.request_timeout_seconds
        if target is not None and not 1 <= target <= 100:
            raise ContractError("serving.target_utilization", expected="1 to 100", received=target)
        if timeout is not None and not (self.dedicated_endpoint and 1 <= timeout <= 3600):
            raise ContractError(
                "serving.request_timeout_seconds",
                expected="1 to 3600, with a dedicated endpoint",
                received=timeout,
            )
        kept = self.keep_replaced_minutes
        if kept is not None and not 0 <= kept < math.inf:
            raise ContractError("serving.keep_replaced_minutes", expected="0 or more", received=kept)

    def with_defaults(self, defaults: ServingSpec) -> ServingSpec:
        """Return this spec, with what it doesn't say from another one; what neither says stays None.

        A machine type and its accelerator go together, and so do replicas and an endpoint's timeout with
        what they need.
        """
        values: dict[str, Any] = {
            field.name: getattr(defaults, field.name)
            if getattr(self, field.name) is None
            else getattr(self, field.name)
            for field in fields(self)
        }
        if self.machine_type is not None or self.accelerator_type is not None:
            values |= {
                "accelerator_type": self.accelerator_type,
                "accelerator_count": self.accelerator_count,
            }
        if self.max_replicas is None and values["max_replicas"] is not None:
            values["max_replicas"] = max(values["max_replicas"], values["min_replicas"] or 1)
        elif self.min_replicas is None and values["min_replicas"] is not None and self.max_replicas:
            values["min_replicas"] = min(values["min_replicas"], self.max_replicas)
        if not values["dedicated_endpoint"]:
            values["request_timeout_seconds"] = None
        return ServingSpec(**values)
