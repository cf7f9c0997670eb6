"""Scale tiers, the user's vocabulary for machines; `tiers.toml` says what they mean."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract import ContractError
from contract.fields import FieldReader
from retraining.errors import ConfigurationError

FILE_VARIABLE = "PERENNIAL_TIERS_FILE"
DEFAULT_FILE = Path(__file__).with_name("tiers.toml")
PRICES = ("dollars_per_hour", "spot_dollars_per_hour")
MAX_POOLS = 4
"""Vertex AI takes no more: chief, workers, parameter servers, evaluators."""


@dataclass(frozen=True, kw_only=True)
class WorkerPool:
    """Replicas of one machine.

    Attributes:
        machine_type: the machine's name on Compute Engine.
        replica_count: how many.
        accelerator_type: an accelerator's name on Vertex AI, or none.
        accelerator_count: how many in each machine.
        tpu_topology: how TPU chips are joined, `2x4` for instance, or none.
        dollars_per_hour: what one replica costs on demand, accelerators included; `None` if that isn't known.
        spot_dollars_per_hour: what it costs as spare capacity; `None` if that isn't known.
    """

    machine_type: str
    replica_count: int = 1
    accelerator_type: str | None = None
    accelerator_count: int = 0
    tpu_topology: str | None = None
    dollars_per_hour: float | None = None
    spot_dollars_per_hour: float | None = None

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


@dataclass(frozen=True, kw_only=True)
class Tier:
    """What a job runs on.

    Attributes:
        name: in capital letters, `BASIC` for instance.
        description: a few words for people.
        pools: the worker pools; the first is the chief.
        spot: whether it is to be had only as spare capacity, which can be taken away at any time.
    """

    name: str
    description: str
    pools: tuple[WorkerPool, ...]
    spot: bool = False

    def dollars_per_hour(self, *, spot: bool = False) -> float | None:
        """What all its machines cost together; `None` if the price of one isn't known.

        Args:
            spot: as spare capacity, which some tiers are anyway.
        """
        total = 0.0
        for pool in self.pools:
            price = pool.spot_dollars_per_hour if spot or self.spot else pool.dollars_per_hour
            if price is None:
                return None
            total += pool.replica_count * price
        return total


def load_tiers(file: str | None = None) -> dict[str, Tier]:
    """Our tiers and those of a deployment, by name.

    Args:
        file: a TOML file with tiers to add, or to put in the place of ours of the same name.

    Raises:
        ConfigurationError: the file can't be read.
        ContractError: a tier has a field that it can't have; the error names both.
    """
    documents = _read(DEFAULT_FILE) | (_read(Path(file)) if file else {})
    return {name: _tier(name, document) for name, document in documents.items()}


def deployed_tiers(environment: Mapping[str, str] = os.environ) -> dict[str, Tier]:
    """The tiers of this deployment: with the file that `PERENNIAL_TIERS_FILE` names, if it names one."""
    return load_tiers(environment.get(FILE_VARIABLE) or None)


def find_tier(name: str, tiers: Mapping[str, Tier]) -> Tier:
    """The tier of a name.

    Raises:
        ConfigurationError: there is none.
    """
    if name in tiers:
        return tiers[name]
    hint = f"; say what CUSTOM is in the file of {FILE_VARIABLE}" if name == "CUSTOM" else ""
    raise ConfigurationError(f"tier: expected one of {', '.join(tiers)}, received {name!r}{hint}")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # a file in another encoding is a ValueError, as wrong TOML is
        raise ConfigurationError(f"{FILE_VARIABLE}: expected a TOML file at {path}: {error}") from error


def _tier(name: str, document: object) -> Tier:
    where = f"tiers.{name}"
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise ContractError("tiers", expected="names in capital letters", received=name)
    reader = FieldReader(document, where, defaults={"description": "", "spot": False})
    items = reader.take_list("pools", Mapping)
    if not 1 <= len(items) <= MAX_POOLS:
        raise ContractError(f"{where}.pools", expected=f"1 to {MAX_POOLS} pools", received=len(items))
    pools = tuple(_pool(item, f"{where}.pools[{index}]") for index, item in enumerate(items))
    if pools[0].replica_count != 1:
        raise ContractError(
            f"{where}.pools[0].replica_count", expected="1, the chief", received=pools[0].replica_count
        )
    tier = Tier(
        name=name,
        description=reader.take("description", str),
        pools=pools,
        spot=reader.take("spot", bool),
    )
    reader.finish()
    return tier


def _pool(document: object, where: str) -> WorkerPool:
    defaults = {"replica_count": 1, "accelerator_type": None, "accelerator_count": 0, "tpu_topology": None}
    prices = dict.fromkeys(PRICES)
    reader = FieldReader(document, where, defaults={**defaults, **prices})
    pool = WorkerPool(
        machine_type=reader.take("machine_type", str),
        replica_count=reader.take("replica_count", int),
        accelerator_type=reader.take("accelerator_type", str, type(None)),
        accelerator_count=reader.take("accelerator_count", int),
        tpu_topology=reader.take("tpu_topology", str, type(None)),
        **{name: _price(reader, name, where) for name in PRICES},
    )
    reader.finish()
    if not pool.machine_type:
        raise ContractError(f"{where}.machine_type", expected="a machine's name", received="")
    if pool.replica_count < 1:
        raise ContractError(f"{where}.replica_count", expected="1 or more", received=pool.replica_count)
    if (pool.accelerator_count > 0) != (pool.accelerator_type is not None) or pool.accelerator_count < 0:
        raise ContractError(
            f"{where}.accelerator_count",
            expected="1 or more with an accelerator_type, else none",
            received=pool.accelerator_count,
        )
    if pool.tpu_topology is not None and not re.fullmatch(r"\d+(x\d+){1,2}", pool.tpu_topology):
        raise ContractError(f"{where}.tpu_topology", expected="2x4, for instance", received=pool.tpu_topology)
    return pool


def _price(reader: FieldReader, name: str, where: str) -> float | None:
    price: float | None = reader.take(name, float, int, type(None))
    if price is not None and not 0 <= price < math.inf:
        raise ContractError(f"{where}.{name}", expected="dollars, 0 or more", received=price)
    return price
