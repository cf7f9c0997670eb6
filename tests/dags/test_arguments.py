"""What the trigger form takes, the trainer takes; what it refuses, the trainer refuses."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from airflow.sdk.exceptions import ParamValidationError

from contract import TrainingSpec
from retraining.params import MEANINGS, OF_MODELS, SCHEMAS, argument_fields
from trainer.config import TrainConfig
from trainer.defaults import MODEL_DEFAULTS, MODEL_OPTIONS, ModelName
from trainer.errors import InputError
from trainer.flags import parse

MODELS: tuple[ModelName, ...] = get_args(ModelName)
ALIASES = {"num_epochs"}


def types_of(model: ModelName) -> dict[str, Any]:
    return get_type_hints(TrainConfig) | get_type_hints(MODEL_OPTIONS[model])


def takes(model: str, name: str, value: Any) -> bool:
    """Whether the trainer's command line does."""
    try:
        parse(["--data_dir=d", "--job_dir=j", f"--model={model}", f"--{name}={value}"])
    except (InputError, SystemExit):
        return False
    return True


def edges(schema: dict[str, Any]) -> list[tuple[Any, bool]]:
    """Values at both sides of the bounds of a schema, and whether it takes them."""
    found: list[tuple[Any, bool]] = []
    if "minimum" in schema:
        found += [(schema["minimum"], True), (schema["minimum"] - 1, False)]
    if "maximum" in schema:
        found += [(schema["maximum"], True), (schema["maximum"] + 1, False)]
    if "exclusiveMinimum" in schema:
        found += [(schema["exclusiveMinimum"], False), (schema["exclusiveMinimum"] + 0.5, True)]
    if "exclusiveMaximum" in schema:
        found += [(schema["exclusiveMaximum"], False)]
    return found


@pytest.mark.parametrize("model", MODELS)
def test_choices_are_the_trainers(model: ModelName) -> None:
    literal = {
        name: list(get_args(hint)) for name, hint in types_of(model).items() if get_origin(hint) is Literal
    }
    literal.pop("model")
    assert {name: SCHEMAS[name]["enum"] for name in literal} == literal


def test_known_arguments_are_the_trainers() -> None:
    known = {name for model in MODELS for name in types_of(model)}
    assert set(SCHEMAS) - ALIASES <= known
    assert set(OF_MODELS) <= set(MODELS)


def test_meanings_are_there_for_everything_that_a_form_can_ask() -> None:
    of_models = {name for model in MODELS for name in get_type_hints(MODEL_OPTIONS[model])}
    assert set(MEANINGS) == of_models | set(SCHEMAS)


@pytest.mark.parametrize("model", MODELS)
def test_bounds_are_the_trainers(model: ModelName) -> None:
    types = types_of(model)
    for name in sorted((set(SCHEMAS) - ALIASES) & set(types)):
        schema = {**SCHEMAS[name], **OF_MODELS.get(model, {}).get(name, {})}
        whole = types[name] is int or int in get_args(types[name])
        for value, expected in edges(schema):
            if whole == isinstance(value, int) or not whole:
                assert takes(model, name, value) == expected, (name, value)


@pytest.mark.parametrize("model", MODELS)
def test_fields_of_a_models_defaults_take_them(model: ModelName) -> None:
    defaults = dict(MODEL_DEFAULTS[model])
    for name, field in argument_fields(TrainingSpec(arguments={"model": model, **defaults}), "Training"):
        assert field.resolve() == {"model": model, **defaults}[name]


def test_field_of_hidden_units_refuses_what_is_no_list_of_numbers() -> None:
    field = dict(argument_fields(TrainingSpec(arguments={"hidden_units": "8 4"}), "Training"))["hidden_units"]
    with pytest.raises(ParamValidationError):
        field.resolve("8,4")
    assert not takes("regression", "hidden_units", "8,4")
