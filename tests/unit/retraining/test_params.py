"""The fields of the trigger form."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from contract import (
    ContractError,
    DataContract,
    DatasetSpec,
    GateSpec,
    Search,
    TrainingSpec,
    TuningSpec,
    image_features,
)
from retraining.errors import ConfigurationError
from retraining.params import argument_fields, run_params
from retraining.tiers import load_tiers

TIERS = load_tiers()
ARGUMENTS = {"model": "resnet", "train_steps": 200, "base_learning_rate": 0.1, "resnet_depth": 18}
SPEC = DatasetSpec(
    contract=DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses"))),
    source="flowers",
    training=TrainingSpec(arguments=ARGUMENTS, tier="L4"),
    gate=GateSpec(metric="accuracy", direction="higher", threshold=0.7),
)
SEARCH = TuningSpec(parameters={"base_learning_rate": Search(minimum=0.01, maximum=1.0)})
FULL = replace(
    SPEC,
    partition="%Y.csv",
    window="P2Y",
    approval=True,
    training=TrainingSpec(arguments=ARGUMENTS, tier="L4", tuning=SEARCH),
)


def test_run_params_have_the_specs_values_as_defaults_and_nothing_that_it_lacks() -> None:
    assert {name: param.value for name, param in run_params(SPEC, TIERS).items()} == {
        "source": None,
        "unchanged": "auto",
        "reconvert": False,
        "retrain": False,
        **ARGUMENTS,
        "tier": "L4",
        "spot": False,
        "promote": True,
        "override": False,
    }


def test_run_params_of_partitions_a_search_and_an_approval_add_theirs_with_the_specs_values() -> None:
    full, plain = run_params(FULL, TIERS), run_params(SPEC, TIERS)
    added = {name: full[name].value for name in full if name not in plain}
    assert added == {"window": "P2Y", "data_until": None, "tune": False, "approval": True}


def test_run_params_come_in_sections_that_follow_the_chain() -> None:
    sections = [param.schema["section"] for param in run_params(FULL, TIERS).values()]
    assert list(dict.fromkeys(sections)) == ["Data", "Training", "Machines", "Promotion"]
    assert sections == sorted(sections, key=["Data", "Training", "Machines", "Promotion"].index)


def test_run_params_describe_every_field() -> None:
    assert all(param.schema["title"] and param.description for param in run_params(FULL, TIERS).values())


def test_run_params_offer_every_tier_with_what_it_means() -> None:
    schema = run_params(SPEC, TIERS)["tier"].schema
    assert schema["enum"] == list(TIERS)
    assert schema["values_display"]["L4"] == "L4: one machine with an L4"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", 1),
        ("source", ""),
        ("window", "a year"),
        ("window", "P"),
        ("window", "P0M"),
        ("window", "P1W"),
        ("unchanged", "ignore"),
        ("reconvert", "yes"),
        ("approval", "yes"),
        ("data_until", "soon"),
        ("data_until", "2019-02-30"),
        ("tier", "HUGE"),
        ("spot", "yes"),
        ("tune", 1),
        ("promote", "yes"),
        ("model", 18),
        ("model", "regression"),
        ("resnet_depth", 17),
        ("train_steps", 0),
        ("train_steps", "many"),
        ("train_steps", 0.5),
        ("base_learning_rate", "fast"),
        ("base_learning_rate", 0),
    ],
)
def test_run_params_refuse_a_value_of_another_type_or_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        run_params(FULL, TIERS)[name].resolve(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", "gs://b/flowers"),
        ("source", None),
        ("window", "P1Y6M"),
        ("window", None),
        ("unchanged", "skip"),
        ("reconvert", True),
        ("resnet_depth", 50),
        ("data_until", "2019-02-01"),
        ("data_until", None),
        ("tier", "TWO_WORKERS"),
        ("promote", False),
        ("base_learning_rate", 1),
    ],
)
def test_run_params_take_what_fits(name: str, value: Any) -> None:
    assert run_params(FULL, TIERS)[name].resolve(value) == value


def test_run_params_of_a_tier_that_the_deployment_lacks_names_it() -> None:
    with pytest.raises(ConfigurationError, match="received 'HUGE'"):
        run_params(replace(SPEC, training=TrainingSpec(tier="HUGE")), TIERS)


@pytest.mark.parametrize("name", ["source", "tier", "promote", "unchanged"])
def test_run_params_of_an_argument_with_the_name_of_another_field_names_it(name: str) -> None:
    with pytest.raises(ContractError, match=rf"training\.arguments: .* received \['{name}'\]"):
        run_params(replace(SPEC, training=TrainingSpec(arguments={name: "x"})), TIERS)


def fields(image: str | None = None, **arguments: Any) -> dict[str, Param]:
    return dict(argument_fields(TrainingSpec(arguments=arguments, image=image), "Training"))


def test_fields_have_the_specs_values_types_and_meanings() -> None:
    found = fields(model="regression", train_epochs=2.5, seed=3, hidden_units="8 4", mine="text")
    found.pop("model")
    assert {name: (param.value, param.schema["type"]) for name, param in found.items()} == {
        "train_epochs": (2.5, "number"),
        "seed": (3, "integer"),
        "hidden_units": ("8 4", "string"),
        "mine": ("text", "string"),
    }
    assert found["train_epochs"].schema["title"] == "Epochs"
    assert found["train_epochs"].description.startswith("Passes over the training records")
    assert found["train_epochs"].description.endswith("(--train_epochs of trainer.task)")
    assert found["mine"].schema["title"] == "Mine"
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
    own = fields(image="own", model="resnet", optimizer="lion", train_batch_size="many")
    assert "enum" not in own["optimizer"].schema
    assert own["train_batch_size"].schema["type"] == "string"
    assert fields(model="resnet", optimizer="adam")["optimizer"].schema["enum"] == ["momentum", "adam"]


def test_field_of_another_programs_model_has_no_bounds() -> None:
    found = fields(image="own", model="transformer", train_batch_size=0, dropout=1.5)
    assert found["train_batch_size"].resolve(-1) == -1
    assert found["dropout"].resolve(2.0) == 2.0


def test_field_of_a_quantity_takes_fractions_though_the_spec_has_a_whole_number() -> None:
    assert fields(model="resnet", train_epochs=2)["train_epochs"].resolve(2.5) == 2.5


@pytest.mark.parametrize(
    ("model", "name", "value", "wrong"),
    [
        ("regression", "hidden_units", "8 4", "8,4"),
        ("regression", "hidden_units", "8 4", "8 0"),
        ("resnet", "precision", "auto", "float16"),
        ("wide_deep", "dropout", 0.1, 1),
        ("wide_deep", "dropout", 0.1, -0.1),
        ("resnet", "crop_area_min", 0.1, 0),
        ("autoencoder", "train_batch_size", 8, 0),
    ],
)
def test_field_refuses_what_the_trainer_would_refuse(model: str, name: str, value: Any, wrong: Any) -> None:
    with pytest.raises(ParamValidationError):
        fields(model=model, **{name: value})[name].resolve(wrong)
