"""The fields of the trigger form: typed, described, with the spec's values as their defaults."""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk import Param

from contract import ContractError, DatasetSpec
from contract.spec import TuningSpec
from retraining.arguments import argument_fields
from retraining.tiers import Tier, find_tier
from retraining.window import LENGTH as WINDOW
from retraining.window import PARAM as DATA_UNTIL

SOURCE, UNCHANGED, RECONVERT = "source", "unchanged", "reconvert"
TIER, SPOT, TUNE = "tier", "spot", "tune"
PROMOTE, APPROVAL = "promote", "approval"

_UNCHANGED = {
    "auto": "auto: skip, unless a person asked for the run",
    "skip": "skip: leave production as it is",
    "train": "train: train again all the same",
}
_DURATION = r"^P(?=.*[1-9])(\d+Y)?(\d+M)?(\d+D)?$"


def run_params(spec: DatasetSpec, tiers: Mapping[str, Tier]) -> dict[str, Param]:
    """The parameters of a run: of every dataset, of what this one has, and each argument of its training.

    Args:
        spec: the dataset.
        tiers: the deployment's scale tiers, by name.

    Raises:
        ConfigurationError: the spec's tier is none of the deployment's.
        ContractError: an argument of the training has the name of another parameter.
    """
    of_run = [_data(spec), _search(spec.training.tuning), _machines(spec, tiers), _promotion(spec)]
    data, search, machines, promotion = of_run
    arguments = dict(argument_fields(spec.training, "Training"))
    taken = sorted({name for params in of_run for name in params} & set(arguments))
    if taken:
        raise ContractError("training.arguments", expected="other names than a run's own", received=taken)
    return data | search | arguments | machines | promotion


def _data(spec: DatasetSpec) -> dict[str, Param]:
    params = {
        SOURCE: Param(
            None,
            type=["null", "string"],
            minLength=1,
            title="Data source",
            description=f"A folder or a gs:// URI in place of {spec.source}",
            section="Data",
        )
    }
    if spec.partition is not None:
        params[WINDOW] = Param(
            spec.window,
            type=["null", "string"],
            pattern=_DURATION,
            title="Window",
            description="How much of the past is trained on: P12M, P1Y or P30D for instance; without it, all "
            "of the past",
            section="Data",
        )
        params[DATA_UNTIL] = Param(
            None,
            type=["null", "string"],
            format="date",
            title="Data until",
            description="Only data before this day (UTC); without it, all there is. For runs by hand: the "
            "schedule and backfills know their intervals",
            section="Data",
        )
    params[UNCHANGED] = Param(
        "auto",
        type="string",
        enum=list(_UNCHANGED),
        values_display=_UNCHANGED,
        title="With nothing new",
        description="What to do if the version in production was trained on just this data in just this way",
        section="Data",
    )
    params[RECONVERT] = Param(
        False,
        type="boolean",
        title="Convert anew",
        description="Convert the data although its records are there, into a folder of this run's own; the "
        "others stay, since versions were trained on them",
        section="Data",
    )
    return params


def _search(tuning: TuningSpec | None) -> dict[str, Param]:
    if tuning is None:
        return {}
    return {
        TUNE: Param(
            False,
            type="boolean",
            title="Search for better arguments",
            description=f"Train {tuning.max_trials} times with other values of "
            f"{', '.join(tuning.parameters)}; then train with the best of them in place of those below",
            section="Training",
        )
    }


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


def _promotion(spec: DatasetSpec) -> dict[str, Param]:
    params = {
        PROMOTE: Param(
            True,
            type="boolean",
            title="Promote",
            description="Put the model into production if the gate allows it; otherwise only evaluate",
            section="Promotion",
        )
    }
    if spec.approval is not None:
        params[APPROVAL] = Param(
            spec.approval,
            type="boolean",
            title="Ask a person first",
            description="Wait for somebody's approval, with the gate's verdict before their eyes",
            section="Promotion",
        )
    return params
