"""Check of a dataset's training, tuning and gate by what the trainer's models take and report.

A DAG file that asks for what no training can give is refused when it is read: its error names the field. What
another program takes and reports isn't known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from jsonschema import Draft202012Validator

from contract import ContractError, DataContract, DatasetSpec, GateSpec, TrainingSpec
from contract.data_contract import TABLES, RecordFormat
from contract.dataset import TRAINING_FLAGS_FILE
from contract.gate_spec import Direction
from contract.values import name_groups
from retraining.tiers import Tier

MODEL = "model"
"""Argument that names the model; the other arguments are those of this model."""

_MODULE, _IMAGES, _DEFAULT_MODEL = "trainer.task", (None, "autoencoder"), "resnet"
_BATCH_SIZE = "train_batch_size"
_TEXTS = frozenset({"title", "description", "default"})
"""Entries of a flag's schema that are no bounds."""
_SET_BY_THE_CHAIN = frozenset(
    {
        "data_dir",
        "job_dir",
        "output_dir",
        "model_dir",
        "production_model",
        "production_version",
        "slices",
        "operating_point",
        "holdout_folds",
    }
)


@dataclass(frozen=True, kw_only=True)
class ModelRequirements:
    """Data that a model of the trainer takes, and metrics that it reports.

    Attributes:
        record_formats: of the datasets.
        label: `classes`, a `number`, or `any`.
        metrics: those by which a gate can decide, each with the direction of better values. `bias` is none:
            the best is in the middle. Those of `TWO_CLASSES` are reported where the label has two.
    """

    record_formats: tuple[RecordFormat, ...]
    label: Literal["classes", "number", "any"]
    metrics: Mapping[str, Direction]


_CLASSIFICATION: Mapping[str, Direction] = MappingProxyType(
    {
        "accuracy": "higher",
        "balanced_accuracy": "higher",
        "loss": "lower",
        "log_loss": "lower",
        "precision": "higher",
        "recall": "higher",
        "f1": "higher",
        "auc": "higher",
        "average_precision": "higher",
    }
)
TWO_CLASSES = ("auc", "average_precision")

MODEL_REQUIREMENTS: Mapping[str, ModelRequirements] = MappingProxyType(
    {
        "resnet": ModelRequirements(record_formats=("image",), label="classes", metrics=_CLASSIFICATION),
        "autoencoder": ModelRequirements(
            record_formats=("image", "idx"), label="any", metrics={"mse": "lower"}
        ),
        "wide_deep": ModelRequirements(record_formats=TABLES, label="classes", metrics=_CLASSIFICATION),
        "regression": ModelRequirements(
            record_formats=TABLES,
            label="number",
            metrics={"rmse": "lower", "mae": "lower", "median_absolute_error": "lower", "r2": "higher"},
        ),
    }
)


@cache
def training_flags() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Return the JSON schemas of the trainer's flags, by model and flag."""
    flags: dict[str, dict[str, dict[str, Any]]] = json.loads(TRAINING_FLAGS_FILE.read_text(encoding="utf-8"))
    return flags


def check_training(spec: DatasetSpec) -> None:
    """Refuse a spec whose training is bound to fail, or whose gate can't decide.

    Raises:
        ContractError: the model doesn't take such data, an argument is none of its flags or out of their
            bounds, or the gate's metric is none that it reports, or is better in the other direction.
    """
    training = spec.training
    model = model_of(training)
    if model is None:
        return
    requirements, flags = MODEL_REQUIREMENTS[model], training_flags()[model]
    _check_data(model, requirements, spec.contract)
    _check_gate(model, requirements, spec)
    for field, flag, value in _values(training):
        _check_value(field, flag, value, model, flags)
    _check_columns(training.arguments, spec.contract)


def check_batch_size(training: TrainingSpec, params: Mapping[str, Any], tier: Tier) -> None:
    """Refuse a training batch that the devices of a tier can't share evenly.

    Args:
        training: of the dataset.
        params: the run's parameters, or none.
        tier: that the run trains on.

    Raises:
        ContractError: it is no multiple of their number, or there is no such model.
    """
    model = model_of(training)
    if model is None:
        return
    default = training_flags()[model][_BATCH_SIZE]["default"]
    size = int(params.get(_BATCH_SIZE, training.arguments.get(_BATCH_SIZE, default)))
    if size % tier.replicas:
        below, above = size - size % tier.replicas, size + -size % tier.replicas
        nearest = f"{below} or {above}" if below else str(above)
        raise ContractError(
            f"training.arguments[{_BATCH_SIZE}]",
            expected=f"a multiple of the {tier.replicas} devices of the tier {tier.name}, {nearest}",
            received=size,
        )


def model_of(training: TrainingSpec) -> str | None:
    """Return the model that a training job of the trainer trains; None for another program's job.

    Raises:
        ContractError: the trainer has no such model.
    """
    if training.module != _MODULE or training.image not in _IMAGES:
        return None
    model = training.arguments.get(MODEL, _DEFAULT_MODEL)
    if model not in MODEL_REQUIREMENTS:
        raise ContractError(
            f"training.arguments[{MODEL}]", expected=f"one of {list(MODEL_REQUIREMENTS)}", received=model
        )
    return str(model)


def _check_data(model: str, requirements: ModelRequirements, contract: DataContract) -> None:
    if contract.record_format not in requirements.record_formats:
        raise ContractError(
            "contract.record_format",
            expected=f"one of {list(requirements.record_formats)} for the model {model}",
            received=contract.record_format,
        )
    label = contract.label
    kind = "number" if label.is_number else "classes"
    if requirements.label not in ("any", kind):
        raise ContractError(
            f"contract.features[{label.name}]",
            expected=f"a label with {'classes' if requirements.label == 'classes' else 'numbers'} "
            f"for the model {model}",
            received=kind,
        )


def _check_gate(model: str, requirements: ModelRequirements, spec: DatasetSpec) -> None:
    gate: GateSpec = spec.gate
    metrics = dict(requirements.metrics)
    has_two_classes = len(spec.contract.label.vocabulary) == 2
    if not has_two_classes:
        metrics = {name: better for name, better in metrics.items() if name not in TWO_CLASSES}
    if gate.metric not in metrics:
        raise ContractError(
            "gate.metric", expected=f"one of {list(metrics)} for the model {model}", received=gate.metric
        )
    if gate.direction != metrics[gate.metric]:
        raise ContractError(
            "gate.direction", expected=f"{metrics[gate.metric]!r} for {gate.metric}", received=gate.direction
        )
    if gate.operating_point is not None and not (has_two_classes and "precision" in metrics):
        raise ContractError(
            "gate.operating_point",
            expected="nothing but for a classifier of two classes",
            received=gate.operating_point,
        )
    features = [spec.contract.label.name]
    features += [name for name, feature in spec.contract.model_inputs.items() if feature.name == name]
    unknown = [name for name in gate.slices if name not in features]
    if unknown:
        raise ContractError("gate.slices", expected=f"names among {sorted(features)}", received=unknown)
    # All metrics of which more is better are at most 1.
    if gate.direction == "higher" and gate.threshold > 1:
        raise ContractError(
            "gate.threshold", expected=f"at most 1 for {gate.metric}", received=gate.threshold
        )


def _values(training: TrainingSpec) -> Iterator[tuple[str, str, Any]]:
    """Give every value that a flag may get: field, flag, value."""
    for flag, value in training.arguments.items():
        yield f"training.arguments[{flag}]", flag, value
    if training.tuning is not None:
        for flag, search in training.tuning.parameters.items():
            for searched in (*search.values, search.minimum, search.maximum):
                if searched is not None:
                    yield f"training.tuning.parameters[{flag}]", flag, searched


def _check_value(
    field: str, flag: str, value: Any, model: str, flags: Mapping[str, Mapping[str, Any]]
) -> None:
    if flag in _SET_BY_THE_CHAIN:
        raise ContractError(field, expected="an argument that no task sets", received=flag)
    if flag not in flags:
        raise ContractError(
            field, expected=f"a flag of the model {model} (python -m trainer.task --help)", received=flag
        )
    schema = flags[flag]
    is_wrong = next(Draft202012Validator(schema).iter_errors(value), None) is not None
    # In JSON 3.0 is a whole number; on the command line it is none.
    searched = field.startswith("training.tuning")
    if is_wrong or (schema["type"] == "integer" and isinstance(value, float) and not searched):
        bounds = {name: found for name, found in schema.items() if name not in _TEXTS}
        raise ContractError(
            field,
            expected=", ".join(f"{name} {found}" for name, found in bounds.items()),
            received=value,
        )


def _check_columns(arguments: Mapping[str, Any], contract: DataContract) -> None:
    """Refuse arguments that name no column of the kind that they are for."""
    inputs = [feature for feature in contract.features if feature.role == "input"]
    numbers = {feature.name for feature in inputs if feature.is_number}
    texts = {feature.name for feature in inputs if feature.dtype == "string"}
    times = {feature.name for feature in inputs if feature.timezone is not None}
    for flag, allowed in (
        ("categorical_numbers", numbers),
        ("geo_pairs", numbers),
        ("crosses", (numbers | texts) - times),
    ):
        groups = name_groups(str(arguments.get(flag, "")))  # the flag's schema has checked the text
        unknown = [name for group in groups for name in group if name not in allowed]
        if unknown:
            raise ContractError(
                f"training.arguments[{flag}]", expected=f"names among {sorted(allowed)}", received=unknown
            )
