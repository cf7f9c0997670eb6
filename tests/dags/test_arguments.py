"""Training arguments: the trainer takes what the trigger form takes, and refuses what the form refuses."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from contract import TrainingSpec
from retraining.params import argument_fields
from trainer.config import ModelName
from trainer.errors import InputError
from trainer.task import parse

MODELS: tuple[ModelName, ...] = get_args(ModelName)
NUMBER_OF_STEPS = 4
"""Of flags that have no default."""


def defaults_of(model: ModelName) -> dict[str, Any]:
    """A value of each flag of a model, its default where there is one."""
    given = parse(["--data_dir=d", "--job_dir=j", f"--model={model}"]).parameters()
    values = {name: NUMBER_OF_STEPS if value is None else value for name, value in given.items()}
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}


def fields_of(model: ModelName) -> dict[str, Param]:
    """The form of a spec that has every flag of a model."""
    return dict(argument_fields(TrainingSpec(arguments={**defaults_of(model), "model": model}), "Training"))


def takes(model: str, name: str, value: Any) -> bool:
    """Whether the trainer's command line does."""
    try:
        parse(["--data_dir=d", "--job_dir=j", f"--model={model}", f"--{name}={value}"])
    except (InputError, SystemExit):
        return False
    return True


def form_takes(field: Param, value: Any) -> bool:
    try:
        field.resolve(value)
    except ParamValidationError:
        return False
    return True


def edges(schema: dict[str, Any]) -> list[Any]:
    """Values at both sides of the bounds of a schema, and within and beside its choices."""
    step = 1 if schema["type"] == "integer" else 0.5
    found: list[Any] = [*schema.get("enum", []), *(["no choice"] if "enum" in schema else [])]
    for bound in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        if bound in schema:
            found += [schema[bound], schema[bound] - step, schema[bound] + step]
    if "multipleOf" in schema:
        found += [schema["multipleOf"] * 4, schema["multipleOf"] * 4 + 1]
    if "pattern" in schema:
        found += ["8 4", "8,4", "8 0", ""]
    return found


@pytest.mark.parametrize("model", MODELS)
def test_form_and_trainer_take_the_same_values_of_each_flag(model: ModelName) -> None:
    tried = 0
    for name, field in fields_of(model).items():
        if name == "model":
            continue
        for value in edges(field.schema):
            assert form_takes(field, value) == takes(model, name, value), (name, value)
            tried += 1
    assert tried > 30


@pytest.mark.parametrize("model", MODELS)
def test_form_has_title_help_and_the_trainers_default_of_each_flag(model: ModelName) -> None:
    for name, field in fields_of(model).items():
        assert field.schema["title"], name
        if name != "model":
            assert field.description.startswith(field.description[0].upper()), name
            assert not field.description.startswith("--"), f"{name} is no flag of the schema file"
        assert field.resolve() == {**defaults_of(model), "model": model}[name]
