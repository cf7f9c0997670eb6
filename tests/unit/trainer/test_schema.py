"""JSON schema of the training flags."""

from __future__ import annotations

import json

import pytest

from contract.dataset import TRAINING_FLAGS_FILE
from trainer.schema import schema_text, training_flags

BOUNDS = (
    *("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"),
    *("multipleOf", "minLength", "pattern", "enum"),
)


def test_schema_file_of_the_contract_is_the_trainers():
    written = TRAINING_FLAGS_FILE.read_text()

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
