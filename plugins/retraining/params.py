"""The fields of the trigger form: typed, described, with the spec's values as their defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow.sdk import Param

from contract import ContractError, DatasetSpec, TrainingSpec, TuningSpec
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


MODEL = "model"

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}
_COUNT = {"minimum": 1}
_POSITIVE = {"exclusiveMinimum": 0}
_SHARE = {"minimum": 0, "exclusiveMaximum": 1}

SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "base_learning_rate": _POSITIVE,
    "code_size": _COUNT,
    "crop_area_min": {"exclusiveMinimum": 0, "maximum": 1},
    "cross_buckets": _COUNT,
    "dropout": _SHARE,
    "embedding_size": _COUNT,
    "eval_batch_size": _COUNT,
    "eval_steps": _COUNT,
    "export_format": {"enum": ["JSON", "CSV", "EXAMPLE"]},
    "filters": _COUNT,
    "first_layer_size": _COUNT,
    "hidden_units": {"pattern": r"^[1-9]\d*( [1-9]\d*)*$"},
    "huber_delta": _POSITIVE,
    "image_size": _COUNT,
    "label_smoothing": _SHARE,
    "learning_rate_schedule": {"enum": ["steps", "cosine", "constant"]},
    "log_every": _COUNT,
    "momentum": _SHARE,
    "num_epochs": _POSITIVE,
    "num_layers": _COUNT,
    "optimizer": {"enum": ["momentum", "adam"]},
    "precision": {"enum": ["auto", "float32", "bfloat16"]},
    "resnet_depth": {"enum": [18, 34, 50, 101, 152, 200]},
    "scale_factor": _POSITIVE,
    "seed": {"minimum": 0},
    "shuffle_buffer": _COUNT,
    "steps_per_eval": _COUNT,
    "train_batch_size": _COUNT,
    "train_epochs": _POSITIVE,
    "train_steps": _COUNT,
    "verbosity": {"enum": ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"]},
    "weight_decay": {"minimum": 0},
}
OF_MODELS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "autoencoder": {"image_size": {"minimum": 8, "maximum": 256, "multipleOf": 4}},
    "resnet": {"image_size": {"minimum": 32, "maximum": 1024}},
}
MEANINGS = {
    "base_learning_rate": "How far a step goes; with the optimizer momentum, for a batch of 256",
    "code_size": "Numbers that a picture is reduced to",
    "crop_area_min": "The smallest share of a picture that training cuts out of it",
    "cross_buckets": "Weights that the combinations of a group share, where there are more combinations",
    "crosses": "Features whose combinations count as such, joined by +, with commas between the groups",
    "dropout": "Share of each hidden layer's outputs that a training step leaves out",
    "embedding_size": "Numbers that stand for a word in the hidden layers",
    "eval_batch_size": "Examples per step of an evaluation, over all replicas",
    "eval_steps": "Steps of an evaluation on the way; the last one takes all records",
    "exact": "Numbers of which certain values tell more than their size, with commas between them",
    "export_format": "What a request to the model holds",
    "filters": "Of the first convolution; the second has twice as many",
    "first_layer_size": "Units of the first hidden layer",
    "hidden_units": "Units of each hidden layer, with spaces between them",
    "huber_delta": "From this error on, in standard deviations of the label, the loss grows only linearly",
    "image_size": "Side of the square that the model sees, in pixels",
    "label_smoothing": "Probability that is spread over all classes",
    "learning_rate_schedule": "How the learning rate falls after the warm-up",
    "log_every": "Steps between lines of the log",
    "momentum": "Share of the last step that the next one keeps",
    "num_epochs": "Passes over the training records",
    "num_layers": "Hidden layers",
    "optimizer": "The rule by which weights follow gradients",
    "pieces": "Straight pieces of the function of each number; 0 for one line",
    "points": "Four numbers that hold two points on Earth, with commas between them",
    "precision": "Of the arithmetic; auto takes bfloat16 where the processor gains from it",
    "resnet_depth": "Layers of the network",
    "scale_factor": "What a hidden layer has of the units of the one before it",
    "seed": "Of weights, shuffling and augmentation",
    "shuffle_buffer": "Records that are shuffled at a time",
    "steps_per_eval": "Steps between evaluations; a checkpoint is written at each",
    "timestamp": "Words that hold a date and a time, with commas between them",
    "train_batch_size": "Examples per step, over all replicas",
    "train_epochs": "Passes over the training records",
    "train_steps": "Optimizer steps",
    "verbosity": "How much is logged",
    "weight_decay": "How much large weights cost",
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


def argument_fields(training: TrainingSpec, section: str) -> Iterator[tuple[str, Param]]:
    """A field for each argument of a training, with the spec's value as its default.

    The model itself is no choice, since the others are its own: its field is hidden and takes no other value.
    """
    program = training.image or training.module
    of_model = OF_MODELS.get(str(training.arguments.get(MODEL)), {})
    for name, value in training.arguments.items():
        schema = {**SCHEMAS.get(name, {}), **of_model.get(name, {})}
        if "enum" in schema and value not in schema["enum"]:
            schema = {}  # another program's argument of the same name
        if name == MODEL:
            schema = {"const": value}
        flag = f"--{name} of {program}"
        yield (
            name,
            Param(
                value,
                type=_JSON_TYPES[type(value)],
                title=name.replace("_", " ").capitalize(),
                description=f"{MEANINGS[name]} ({flag})" if name in MEANINGS else flag,
                section=section,
                **schema,
            ),
        )
