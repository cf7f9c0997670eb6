"""Scale tiers, the user's vocabulary for machines; `tiers.toml` says what they mean."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retraining.errors import ConfigurationError

DEFAULT_FILE = Path(__file__).with_name("tiers.toml")


@dataclass(frozen=True, kw_only=True)
class WorkerPool:
    """Replicas of one machine.

    Attributes:
        machine_type: the machine's name on Compute Engine.
        replica_count: how many.
        accelerator_type: an accelerator's name on Vertex AI, or none.
        accelerator_count: how many in each machine.
        tpu_topology: how TPU chips are joined, or none.
    """

    machine_type: str
    replica_count: int
    accelerator_type: str | None = None
    accelerator_count: int = 0
    tpu_topology: str | None = None

    def to_spec(self, container: dict[str, Any]) -> dict[str, Any]:
        """The pool as a WorkerPoolSpec of Vertex AI."""
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


def worker_pools(tier: str, file: str | None = None) -> tuple[WorkerPool, ...]:
    """The worker pools of a tier.

    Args:
        tier: the tier's name, `BASIC` for instance.
        file: a TOML file of tiers in place of ours.

    Raises:
        ConfigurationError: the file can't be read, or has no such tier, or the tier has a wrong field.
    """
    path = Path(file) if file else DEFAULT_FILE
    try:
        tiers = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"tiers: expected a TOML file at {path}: {error}") from error
    if tier not in tiers:
        raise ConfigurationError(
            f"training.tier: expected one of {sorted(tiers)} ({path.name}), received {tier!r}"
        )
    try:
        return tuple(WorkerPool(**pool) for pool in tiers[tier])
    except TypeError as error:
        raise ConfigurationError(f"tiers: {tier} in {path}: {error}") from error
