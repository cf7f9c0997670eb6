"""JSON schema of the training flags."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import trainer
from trainer.schema import FILENAME, schema_text, training_flags

BOUNDS = (
    *("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"),
    *("multipleOf", "minLength", "pattern", "enum"),
)
NEW_FLAG = """
    gradient_clipping: Annotated[
        Positive,
        Field(title="Gradient clipping", description="Largest norm of the gradients"),
    ] = 1.5
    options: ModelOptions
"""


def test_schema_file_of_the_contract_is_the_trainers():
    written = (resources.files("contract") / FILENAME).read_text()

    assert written == schema_text(), "run: python -m trainer.schema"
    assert json.loads(written) == training_flags()


@pytest.mark.parametrize("model", training_flags())
def test_schema_of_each_flag_has_type_title_description_and_known_bounds(model):
    for name, schema in training_flags()[model].items():
        assert (
            {"type", "title", "description"}
            <= schema.keys()
            <= {
                *("type", "title", "description", "default"),
                *BOUNDS,
            }
        ), name
        assert schema["title"][0].isupper(), name


def test_schema_has_bounds_defaults_and_aliases_of_each_model():
    flags = training_flags()

    assert (flags["resnet"]["image_size"]["maximum"], flags["autoencoder"]["image_size"]["multipleOf"]) == (
        1024,
        4,
    )
    assert flags["resnet"]["train_epochs"]["default"] == 90
    assert flags["regression"]["num_epochs"] == flags["regression"]["train_epochs"]
    assert flags["regression"]["train_epochs"]["default"] == 20
    assert flags["regression"]["dropout"] == {**flags["wide_deep"]["dropout"], "default": 0}
    assert flags["wide_deep"]["train_steps"]["minimum"] == 1
    assert "default" not in flags["wide_deep"]["train_steps"]
    assert flags["resnet"]["resnet_depth"]["enum"] == [18, 34, 50, 101, 152, 200]


def test_a_new_flag_is_one_edit(tmp_path):
    shutil.copytree(
        Path(str(trainer.__file__)).parent,
        tmp_path / "trainer",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    config = tmp_path / "trainer" / "config.py"
    text = config.read_text()
    assert text.count("\n    options: ModelOptions\n") == 1
    config.write_text(text.replace("\n    options: ModelOptions\n", NEW_FLAG))

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        return " ".join((done.stdout + done.stderr).split())

    run("trainer.schema", "--output", str(tmp_path / FILENAME))
    schemas = json.loads((tmp_path / FILENAME).read_text())
    help_text = run("trainer.task", "--help")
    refused = run("trainer.task", "--data-dir=d", "--job-dir=j", "--gradient-clipping=0")

    assert "--gradient-clipping CLIPPING Largest norm of the gradients (default: 1.5)" in help_text
    assert "--gradient-clipping: expected a number above 0, received 0.0" in refused
    assert {
        model: flags["gradient_clipping"]["exclusiveMinimum"] for model, flags in schemas.items()
    } == dict.fromkeys(training_flags(), 0)
