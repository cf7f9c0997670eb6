"""Scale tiers, the user's terms for machines, as `tiers.toml` and the deployment define them."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from contract import ContractError
from contract.validation import from_json
from retraining import infrastructure
from retraining.errors import ConfigurationError
from retraining.infrastructure import Fallback, read_toml

FILE_VARIABLE = "PERENNIAL_TIERS_FILE"
DEFAULT_FILE = Path(__file__).with_name("tiers.toml")
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MAX_POOLS = 4
"""Vertex AI takes no more: chief, workers, parameter servers, evaluators."""
_TRAINING_POOLS = 2
_TPU_QUOTAS = {"ct5lp": "tpu_v5e", "ct6e": "tpu_v6e"}
_GPU_QUOTAS = {"NVIDIA_H100_80GB": "nvidia_h100_gpus", "NVIDIA_H200_141GB": "nvidia_h200_gpus"}
_COMMON_FAMILIES = ("n1", "e2")
"""Families of machines whose CPUs are counted together; others have a quota each."""


@dataclass(frozen=True, kw_only=True)
class WorkerPool:
    """Replicas of one machine.

    Attributes:
        machine_type: the machine's name on Compute Engine.
        replica_count: how many.
        accelerator_type: an accelerator's name on Vertex AI, or none.
        accelerator_count: how many in each machine.
        tpu_topology: how TPU chips are joined, `2x4` for instance, or none.
        dollars_per_hour: price of one replica on demand, accelerators included; None if it isn't known.
        spot_dollars_per_hour: price of one replica as a Spot VM; None if it isn't known.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    machine_type: Annotated[str, Field(min_length=1)]
    replica_count: Annotated[int, Field(ge=1)] = 1
    accelerator_type: str | None = None
    accelerator_count: Annotated[int, Field(ge=0)] = 0
    tpu_topology: Annotated[str, Field(pattern=r"^\d+(x\d+){1,2}$")] | None = None
    dollars_per_hour: Dollars | None = None
    spot_dollars_per_hour: Dollars | None = None

    @property
    def devices(self) -> int:
        """Number of devices of each machine that compute: accelerators, TPU chips, or the machine itself."""
        if self.tpu_topology:
            return math.prod(int(side) for side in self.tpu_topology.split("x"))
        return self.accelerator_count or 1

    @property
    def quotas(self) -> dict[str, int]:
        """What a machine takes of Vertex AI's quotas, by the end of their metric: accelerators, and CPUs."""
        taken: dict[str, int] = {}
        family, cores = self.machine_type.partition("-")[0], re.search(r"-(\d+)$", self.machine_type)
        if cores:
            taken["cpus" if family in _COMMON_FAMILIES else f"{family}_cpus"] = int(cores[1])
        if self.accelerator_type:
            # NVIDIA_TESLA_T4 is nvidia_t4_gpus there.
            name = self.accelerator_type.lower().replace("nvidia_tesla_", "nvidia_")
            taken[_GPU_QUOTAS.get(self.accelerator_type, f"{name}_gpus")] = self.accelerator_count
        if family in _TPU_QUOTAS:
            taken[_TPU_QUOTAS[family]] = self.devices
        return taken

    def to_spec(self, container: dict[str, Any]) -> dict[str, Any]:
        """Return the pool as a WorkerPoolSpec of Vertex AI."""
        machine: dict[str, Any] = {"machine_type": self.machine_type}
        if self.accelerator_type:
            machine |= {
                "accelerator_type": self.accelerator_type,
                "accelerator_count": self.accelerator_count,
            }
        if self.tpu_topology:
            machine["tpu_topology"] = self.tpu_topology
        return {
            "machine_spec": machine,
            "replica_count": self.replica_count,
            "container_spec": container,
        }


@dataclass(frozen=True, kw_only=True)
class Tier:
    """Machines of a job.

    Attributes:
        name: in capital letters, `BASIC` for instance.
        description: a few words for people.
        pools: the worker pools; the first is the chief.
        spot: True if it has only Spot VMs, which can be preempted at any time.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    pools: Annotated[tuple[WorkerPool, ...], Field(min_length=1, max_length=MAX_POOLS)]
    description: str = ""
    spot: bool = False

    def __post_init__(self) -> None:
        if self.pools and self.pools[0].replica_count != 1:
            raise ContractError(
                "pools[0].replica_count", expected="1, the chief", received=self.pools[0].replica_count
            )
        for index, pool in enumerate(self.pools):
            if (pool.accelerator_count > 0) != (pool.accelerator_type is not None):
                raise ContractError(
                    f"pools[{index}].accelerator_count",
                    expected="1 or more with an accelerator_type, else 0",
                    received=pool.accelerator_count,
                )

    @property
    def replicas(self) -> int:
        """Number of devices that share a training batch: of the chief and the workers.

        A machine without accelerators is one; the third and the fourth pool are no workers.
        https://cloud.google.com/vertex-ai/docs/training/distributed-training#configure_a_distributed_training_job
        """
        return sum(pool.replica_count * pool.devices for pool in self.pools[:_TRAINING_POOLS])

    def quotas(self, *, spot: bool = False) -> dict[str, int]:
        """Return what a job takes of each quota of Vertex AI, by metric.

        https://cloud.google.com/vertex-ai/docs/quotas#training

        Args:
            spot: as Spot VMs, which some tiers have anyway and whose quotas are their own.
        """
        prefix = "aiplatform.googleapis.com/custom_model_training"
        if spot or self.spot:
            prefix += "_preemptible"
        needed: dict[str, int] = {}
        for pool in self.pools:
            for name, count in pool.quotas.items():
                metric = f"{prefix}_{name}"
                needed[metric] = needed.get(metric, 0) + count * pool.replica_count
        return needed

    def dollars_per_hour(self, *, spot: bool = False) -> float | None:
        """Return the price of all its machines together; None if the price of one isn't known.

        Args:
            spot: as Spot VMs, which some tiers have anyway.
        """
        total = 0.0
        for pool in self.pools:
            price = pool.spot_dollars_per_hour if spot or self.spot else pool.dollars_per_hour
            if price is None:
                return None
            total += pool.replica_count * price
        return total


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Machines that a training asks for.

    Attributes:
        tier: their scale tier.
        spot: as Spot VMs.
        after_minutes: of waiting for others.
    """

    tier: Tier
    spot: bool = False
    after_minutes: float = 0.0

    def __str__(self) -> str:
        return f"{self.tier.name} as Spot VMs" if self.spot else self.tier.name


def machine_choices(
    tier: Tier, *, spot: bool, fallback: Mapping[str, Sequence[Fallback]], tiers: Mapping[str, Tier]
) -> list[Machines]:
    """Return the machines that a run asks for, then those that it takes when these don't come.

    Args:
        tier: of the run.
        spot: as Spot VMs.
        fallback: of the deployment, by tier.
        tiers: of the deployment.

    Raises:
        ConfigurationError: a fallback names a tier that there isn't.
    """
    choices = [Machines(tier=tier, spot=spot or tier.spot)]
    waited = 0.0
    for step in fallback.get(tier.name, ()):
        before = choices[-1]
        named = find_tier(step.tier, tiers) if step.tier else before.tier
        as_spot = (before.spot if step.spot is None else step.spot) or named.spot
        if (named, as_spot) == (before.tier, before.spot):
            continue  # on demand already, for instance
        waited += step.after_minutes
        choices.append(Machines(tier=named, spot=as_spot, after_minutes=waited))
    return choices


def check_fallbacks(fallback: Mapping[str, Sequence[Fallback]], tiers: Mapping[str, Tier]) -> None:
    """Refuse fallbacks of a tier, or to one, that there isn't.

    Raises:
        ContractError: it names the field.
    """
    expected = f"one of {', '.join(tiers)}"
    for name, steps in fallback.items():
        if name not in tiers:
            raise ContractError("training.fallback", expected=f"keys that are {expected}", received=name)
        for index, step in enumerate(steps):
            if step.tier is not None and step.tier not in tiers:
                field = f"training.fallback.{name}[{index}].tier"
                raise ContractError(field, expected=expected, received=step.tier)


def load_tiers(file: str | None = None, own: Mapping[str, Any] | None = None) -> dict[str, Tier]:
    """Return our tiers and those of a deployment, by name.

    Args:
        file: a TOML file with tiers to add, or to put in the place of ours of the same name.
        own: such tiers of the file of infrastructure.

    Raises:
        ConfigurationError: the file can't be read.
        ContractError: a tier has a field that it can't have; the error names both.
    """
    documents = read_toml(DEFAULT_FILE, FILE_VARIABLE)
    documents |= (read_toml(Path(file), FILE_VARIABLE) if file else {}) | dict(own or {})
    return {name: _tier(name, document) for name, document in documents.items()}


def deployed_tiers(environment: Mapping[str, str] = os.environ) -> dict[str, Tier]:
    """Return the tiers of this deployment, with those of its file of tiers and of infrastructure."""
    variable = infrastructure.FILE_VARIABLE
    named = environment.get(variable)
    # No more of it: a wrong field elsewhere fails a run, and leaves the DAGs to be seen.
    own = read_toml(Path(named), variable).get("tiers", {}) if named else {}
    if not isinstance(own, Mapping):
        raise ContractError("tiers", expected="a table of tiers", received=own)
    return load_tiers(environment.get(FILE_VARIABLE) or None, own)


def find_tier(name: str, tiers: Mapping[str, Tier]) -> Tier:
    """Return the tier of a name.

    Raises:
        ConfigurationError: there is none.
    """
    if name in tiers:
        return tiers[name]
    hint = f"; say what CUSTOM is in the file of {FILE_VARIABLE}" if name == "CUSTOM" else ""
    raise ConfigurationError(f"tier: expected one of {', '.join(tiers)}, received {name!r}{hint}")


def _tier(name: str, document: object) -> Tier:
    where = f"tiers.{name}"
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise ContractError("tiers", expected="names in capital letters", received=name)
    if isinstance(document, Mapping) and "name" in document:
        raise ContractError(f"{where}.name", expected="no such field", received=document["name"])
    fields = {**document, "name": name} if isinstance(document, Mapping) else document
    try:
        return from_json(Tier, json.dumps(fields, default=str), where)
    except ContractError as error:
        if error.field.startswith(where):
            raise
        path = f"{where}.{error.field}"
        raise ContractError(path, expected=error.expected, received=error.received) from error
