"""Training arguments: the trainer takes what the trigger form takes, and refuses what the form refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

import contract
import trainer
from contract import TrainingSpec
from contract.dataset import TRAINING_FLAGS_FILE
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
    """Return True if the trainer's command line takes a value."""
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


NEW_FLAG = """
    gradient_clipping: Annotated[
        Positive,
        Field(title="Gradient clipping", description="Largest norm of the gradients"),
    ] = 1.5
    options: ModelOptions
"""
SHOW_FORM = """
from contract import TrainingSpec
from retraining.params import argument_fields

arguments = {"model": "wide_deep", "gradient_clipping": 2.0}
field = dict(argument_fields(TrainingSpec(arguments=arguments), "Training"))["gradient_clipping"]
print(field.schema["title"], field.description, field.schema["exclusiveMinimum"], sep="|")
"""


def test_a_new_flag_is_one_edit_and_the_regenerated_schema(tmp_path: Path) -> None:
    for package in (contract, trainer):
        folder = Path(str(package.__file__)).parent
        shutil.copytree(folder, tmp_path / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    config = tmp_path / "trainer" / "config.py"
    text = config.read_text()
    assert text.count("\n    options: ModelOptions\n") == 1
    config.write_text(text.replace("\n    options: ModelOptions\n", NEW_FLAG))

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return " ".join((done.stdout + done.stderr).split())

    run("-m", "trainer.schema")
    schemas = json.loads((tmp_path / "contract" / TRAINING_FLAGS_FILE.name).read_text())
    assert {flags["gradient_clipping"]["exclusiveMinimum"] for flags in schemas.values()} == {0}
    help_text = run("-m", "trainer.task", "--help")
    assert "--gradient-clipping CLIPPING Largest norm of the gradients (default: 1.5)" in help_text
    refused = run("-m", "trainer.task", "--data-dir=d", "--job-dir=j", "--gradient-clipping=0")
    assert "--gradient-clipping: expected a number above 0, received 0.0" in refused
    shown = run("-c", SHOW_FORM)
    assert "Gradient clipping|Largest norm of the gradients (--gradient_clipping of trainer.task)|0" in shown
