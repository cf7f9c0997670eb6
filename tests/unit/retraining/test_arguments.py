"""The arguments of trainings as fields of the trigger form."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from contract import TrainingSpec
from retraining.params import argument_fields


def fields(image: str | None = None, **arguments: Any) -> dict[str, Param]:
    return dict(argument_fields(TrainingSpec(arguments=arguments, image=image), "Training"))


def test_fields_have_the_specs_values_types_and_meanings() -> None:
    found = fields(train_epochs=2.5, seed=3, hidden_units="8 4", mine="text")
    assert {name: (param.value, param.schema["type"]) for name, param in found.items()} == {
        "train_epochs": (2.5, "number"),
        "seed": (3, "integer"),
        "hidden_units": ("8 4", "string"),
        "mine": ("text", "string"),
    }
    assert found["train_epochs"].description == (
        "Passes over the training records (--train_epochs of trainer.task)"
    )
    assert found["mine"].description == "--mine of trainer.task"


def test_field_of_the_model_is_hidden_and_takes_no_other() -> None:
    field = fields(model="resnet")["model"]
    assert field.schema["const"] == "resnet"
    with pytest.raises(ParamValidationError):
        field.resolve("regression")


def test_field_of_an_image_size_has_the_bounds_of_its_model() -> None:
    assert fields(model="resnet", image_size=48)["image_size"].schema["maximum"] == 1024
    assert fields(model="autoencoder", image_size=28)["image_size"].schema["multipleOf"] == 4
    assert "maximum" not in fields(image_size=48)["image_size"].schema


def test_field_of_another_programs_argument_of_a_known_name_has_no_choices() -> None:
    assert "enum" not in fields(image="own", optimizer="lion")["optimizer"].schema
    assert fields(optimizer="adam")["optimizer"].schema["enum"] == ["momentum", "adam"]


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("hidden_units", "8 4", "8,4"),
        ("hidden_units", "8 4", "8 0"),
        ("precision", "auto", "float16"),
        ("dropout", 0.1, 1),
        ("dropout", 0.1, -0.1),
        ("crop_area_min", 0.1, 0),
        ("train_batch_size", 8, 0),
    ],
)
def test_field_refuses_what_the_trainer_would_refuse(name: str, value: Any, wrong: Any) -> None:
    with pytest.raises(ParamValidationError):
        fields(**{name: value})[name].resolve(wrong)
