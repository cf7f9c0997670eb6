"""Fields of the trigger form: typed, described, with the spec's values as their defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from contract import ContractError, DatasetSpec, TrainingSpec, TuningSpec
from contract.features import Scalar
from retraining.tiers import Tier, find_tier
from retraining.training_check import MODEL, training_flags
from retraining.window import DATA_UNTIL, WINDOW

if TYPE_CHECKING:
    from airflow.sdk import Param

SOURCE, UNCHANGED, RECONVERT, RETRAIN = "source", "unchanged", "reconvert", "retrain"
TIER, SPOT, TUNE = "tier", "spot", "tune"
PROMOTE, APPROVAL, OVERRIDE = "promote", "approval", "override"

_UNCHANGED = {
    "auto": "auto: skip, unless a person requested the run",
    "skip": "skip: leave production as it is",
    "train": "train: train again",
}
_DURATION = r"^P(?=.*[1-9])(\d+Y)?(\d+M)?(\d+D)?$"

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _param(*default: Any, **schema: Any) -> Param:
    """Return a parameter; Airflow isn't imported before, since commands take the names from this module."""
    from airflow.sdk import Param

    return Param(*default, **schema)


def run_params(spec: DatasetSpec, tiers: Mapping[str, Tier]) -> dict[str, Param]:
    """Return the parameters of a run: of every dataset, of what this one has, and each training argument.

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
        SOURCE: _param(
            None,
            type=["null", "string"],
            minLength=1,
            title="Data source",
            description=f"A folder or a gs:// URI in place of {spec.source}",
            section="Data",
        )
    }
    if spec.partition is not None:
        params[WINDOW] = _param(
            spec.window,
            type=["null", "string"],
            pattern=_DURATION,
            title="Training window",
            description="Period of data before the cutoff to train on, an ISO 8601 duration: P12M, P1Y or "
            "P30D; without it, all data",
            section="Data",
        )
        params[DATA_UNTIL] = _param(
            None,
            type=["null", "string"],
            format="date",
            title="Data cutoff date",
            description=f"Use only data before this day ({spec.timezone}); without it, all data. For manual "
            "runs only: scheduled runs and backfills have a data interval",
            section="Data",
        )
    params[UNCHANGED] = _param(
        "auto",
        type="string",
        enum=list(_UNCHANGED),
        values_display=_UNCHANGED,
        title="If nothing changed",
        description="What to do if the version in production was trained on the same data with the same "
        "configuration",
        section="Data",
    )
    params[RECONVERT] = _param(
        False,
        type="boolean",
        title="Force reconversion",
        description="Convert the data again although its TFRecords exist, into a folder of this run's own; "
        "the others stay, since versions were trained on them",
        section="Data",
    )
    params[RETRAIN] = _param(
        False,
        type="boolean",
        title="Train anew",
        description="Train again whenever this run is cleared, although it has trained on the same data with "
        "the same configuration before; otherwise it goes on with that model",
        section="Data",
    )
    return params


def _search(tuning: TuningSpec | None) -> dict[str, Param]:
    if tuning is None:
        return {}
    return {
        TUNE: _param(
            False,
            type="boolean",
            title="Hyperparameter tuning",
            description=f"Run {tuning.max_trials} trials over {', '.join(tuning.parameters)}, then train "
            "with the values of the best trial in place of those below",
            section="Training",
        )
    }


def _machines(spec: DatasetSpec, tiers: Mapping[str, Tier]) -> dict[str, Param]:
    tier = find_tier(spec.training.tier, tiers)
    return {
        TIER: _param(
            tier.name,
            type="string",
            enum=list(tiers),
            values_display={
                found.name: f"{found.name}: {found.description}" if found.description else found.name
                for found in tiers.values()
            },
            title="Scale tier",
            description="Machines of the training job",
            section="Machines",
        ),
        SPOT: _param(
            False,
            type="boolean",
            title="Spot VMs",
            description="Cheaper machines that can be preempted at any time; training resumes from its last "
            "checkpoint",
            section="Machines",
        ),
    }


def _promotion(spec: DatasetSpec) -> dict[str, Param]:
    params = {
        PROMOTE: _param(
            True,
            type="boolean",
            title="Promote to production",
            description="Deploy the model to production if it passes the gate; otherwise only evaluate it",
            section="Promotion",
        ),
        OVERRIDE: _param(
            False,
            type="boolean",
            title="Override decisions",
            description="Promote despite a hold, a traffic split that was made by hand, or a version of the "
            "same training that is in production or was withdrawn; the gate decides all the same",
            section="Promotion",
        ),
    }
    if spec.approval is not None:
        params[APPROVAL] = _param(
            spec.approval,
            type="boolean",
            title="Require approval",
            description="Wait for a person's approval, given the gate's result",
            section="Promotion",
        )
    return params


def argument_fields(training: TrainingSpec, section: str) -> Iterator[tuple[str, Param]]:
    """Give a field for each argument of a training job, with the spec's value as its default.

    Title, help and bounds are the trainer's for the flags of its models; any other argument, of a program of
    the user's for instance, is a field of its type without bounds. The model itself can't be changed, since
    the other arguments are its own: its field is hidden.
    """
    program = training.image or training.module
    flags = training_flags().get(str(training.arguments.get(MODEL)), {})
    for name, value in training.arguments.items():
        kind, flag = _JSON_TYPES[type(value)], f"--{name} of {program}"
        schema = {key: found for key, found in flags.get(name, {}).items() if key != "default"}
        if not _fits(value, kind, schema):
            schema = {}  # another program's argument of the same name
        help_text = schema.pop("description", "")
        if name == MODEL:
            schema = {"const": value}
        yield (
            name,
            _param(
                value,
                description=f"{help_text} ({flag})" if help_text else flag,
                section=section,
                **{"type": kind, "title": name.replace("_", " ").capitalize(), **schema},
            ),
        )


def _fits(value: Scalar, kind: str, schema: Mapping[str, Any]) -> bool:
    types = (kind, "number") if kind == "integer" else (kind,)
    return schema.get("type") in types and value in schema.get("enum", [value])
