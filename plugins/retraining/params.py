"""The fields of the trigger form: typed, described, with the spec's values as their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param
from dataset_contract.spec import TuningSpec

from dataset_contract import ContractError, DatasetSpec
from retraining.tiers import Tier, find_tier
from retraining.window import PARAM as DATA_UNTIL

SOURCE, TIER, SPOT, TUNE, PROMOTE = "source", "tier", "spot", "tune", "promote"

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_MINIMUM = {
    "eval_batch_size": 1,
    "image_size": 1,
    "num_epochs": 1,
    "steps_per_eval": 1,
    "train_batch_size": 1,
    "train_epochs": 1,
    "train_steps": 1,
}


def run_params(spec: DatasetSpec, tiers: Mapping[str, Tier]) -> dict[str, Param]:
    """The parameters of a run: of every dataset, of what this one has, and each argument of its training.

    Args:
        spec: the dataset.
        tiers: the deployment's scale tiers, by name.

    Raises:
        ConfigurationError: the spec's tier is none of the deployment's.
        ContractError: an argument of the training has the name of another parameter.
    """
    params = _data(spec) | _machines(spec, tiers)
    if spec.training.tuning is not None:
        params[TUNE] = _tune(spec.training.tuning)
    arguments = _arguments(spec)
    taken = sorted({*params, PROMOTE} & set(arguments))
    if taken:
        raise ContractError("training.arguments", expected="other names than a run's own", received=taken)
    params |= arguments
    params[PROMOTE] = Param(
        True,
        type="boolean",
        title="Promote",
        description="Put the model into production if the gate allows it; otherwise only evaluate",
        section="Promotion",
    )
    return params


def _data(spec: DatasetSpec) -> dict[str, Param]:
    params = {
        SOURCE: Param(
            None,
            type=["null", "string"],
            title="Data source",
            description=f"A folder or a gs:// URI in place of {spec.source}",
            section="Data",
        )
    }
    if spec.partition is not None:
        params[DATA_UNTIL] = Param(
            None,
            type=["null", "string"],
            format="date",
            title="Data until",
            description="Only data before this day (UTC); without it, all there is. For runs by hand: the "
            "schedule and backfills know their intervals",
            section="Data",
        )
    return params


def _machines(spec: DatasetSpec, tiers: Mapping[str, Tier]) -> dict[str, Param]:
    tier = find_tier(spec.training.tier, tiers)
    return {
        TIER: Param(
            tier.name,
            type="string",
            enum=list(tiers),
            values_display={
                found.name: f"{found.name}: {found.description}" if found.description else found.name
                for found in tiers.values()
            },
            title="Scale tier",
            description="The machines of the training",
            section="Machines",
        ),
        SPOT: Param(
            False,
            type="boolean",
            title="Spare capacity",
            description="Cheaper machines that can be taken away at any time (spot); the training goes on "
            "from its last checkpoint when others come",
            section="Machines",
        ),
    }


def _tune(tuning: TuningSpec) -> Param:
    return Param(
        False,
        type="boolean",
        title="Search for better arguments",
        description=f"Train {tuning.max_trials} times with other values of {', '.join(tuning.parameters)}; "
        "then train with the best of them in place of those below",
        section="Training",
    )


def _arguments(spec: DatasetSpec) -> dict[str, Param]:
    program = spec.training.image or spec.training.module
    params = {}
    for name, value in spec.training.arguments.items():
        bounds: dict[str, Any] = {"minimum": _MINIMUM[name]} if name in _MINIMUM else {}
        params[name] = Param(
            value,
            type=_JSON_TYPES[type(value)],
            title=name.replace("_", " ").capitalize(),
            description=f"--{name} of {program}",
            section="Training",
            **bounds,
        )
    return params
