"""The fields of the trigger form."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError
from retraining.params import run_params

from dataset_contract import DataContract, DatasetSpec, GateSpec, TrainingSpec, image_features

SPEC = DatasetSpec(
    contract=DataContract(name="flowers", record_format="image", features=image_features(("daisy", "roses"))),
    source="flowers",
    training=TrainingSpec(arguments={"model": "resnet", "train_steps": 200, "base_learning_rate": 0.1}),
    gate=GateSpec(metric="accuracy", direction="higher", threshold=0.7),
)


def test_run_params_have_the_specs_values_as_defaults() -> None:
    assert {name: param.value for name, param in run_params(SPEC).items()} == {
        "source": None,
        "promote": True,
        "model": "resnet",
        "train_steps": 200,
        "base_learning_rate": 0.1,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", 1),
        ("promote", "yes"),
        ("model", 18),
        ("train_steps", 0),
        ("train_steps", "many"),
        ("train_steps", 0.5),
        ("base_learning_rate", "fast"),
    ],
)
def test_run_params_refuse_a_value_of_another_type_or_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        run_params(SPEC)[name].resolve(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("source", "gs://b/flowers"), ("source", None), ("promote", False), ("base_learning_rate", 1)],
)
def test_run_params_take_what_fits(name: str, value: Any) -> None:
    assert run_params(SPEC)[name].resolve(value) == value
