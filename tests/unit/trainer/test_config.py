"""Flags: command line, bounds, defaults."""

from __future__ import annotations

import pytest

from trainer.config import MODEL_OPTIONS, TrainConfig
from trainer.errors import InputError, flag_of
from trainer.options import AutoencoderOptions, RegressionOptions, ResnetOptions, WideDeepOptions
from trainer.task import parse

REQUIRED = ["--data-dir", "d", "--job-dir", "j"]


def test_parse_dashes_and_underscores_are_the_same():
    dashes = parse([*REQUIRED, "--train-batch-size", "64", "--resnet-depth", "50"])
    underscores = parse(["--data_dir=d", "--job_dir=j", "--train_batch_size=64", "--resnet_depth=50"])

    assert dashes == underscores
    assert dashes.train_batch_size == 64


def test_parse_without_options_gives_the_source_s_values():
    config = parse(REQUIRED)

    assert config.options == ResnetOptions(resnet_depth=18, image_size=224, crop_area_min=0.08)
    assert (config.base_learning_rate, config.weight_decay, config.momentum) == (0.1, 1e-4, 0.9)
    assert (config.train_steps, config.train_epochs, config.learning_rate_schedule) == (None, 90, "steps")


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--train-batch-size", "0", "--train-batch-size: expected 1 or more, received 0"),
        ("--image-size", "8", "--image-size: expected 32 to 1024 pixels, received 8"),
        ("--base-learning-rate", "nan", "--base-learning-rate: expected a number above 0, received nan"),
        ("--crop-area-min", "0", "--crop-area-min: expected above 0, to 1, received 0.0"),
        ("--label-smoothing", "1", "--label-smoothing: expected 0 to below 1, received 1.0"),
        ("--train-steps", "0", "--train-steps: expected 1 or more, received 0"),
    ],
)
def test_parse_value_out_of_range_names_flag_expected_and_received(flag, value, message):
    with pytest.raises(InputError, match=message):
        parse([*REQUIRED, flag, value])


@pytest.mark.parametrize("wrong", [["--resnet-depth", "19"], ["--train-step", "3"], ["--image-size", "big"]])
def test_parse_flag_that_is_no_flag_exits_with_usage(wrong, capsys):
    with pytest.raises(SystemExit) as stop:
        parse([*REQUIRED, *wrong])

    assert stop.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_parse_census_command_line_of_the_source():
    command_line = (
        "--model wide_deep --train-files r/census-train* --eval-files r/census-validation* --job-dir j "
        "--num-epochs 3 --train-batch-size 40 --eval-batch-size 40 --embedding-size 8 --first-layer-size 100 "
        "--num-layers 4 --scale-factor 0.7 --train-steps 1000 --eval-steps 100 --verbosity DEBUG"
    )

    config = parse(command_line.split())

    assert config.options == WideDeepOptions(
        embedding_size=8, first_layer_size=100, num_layers=4, scale_factor=0.7
    )
    assert (config.data_dir, config.train_files) == ("r", "r/census-train*")
    assert (config.train_epochs, config.train_steps, config.eval_steps) == (3, 1000, 100)
    assert (config.train_batch_size, config.verbosity) == (40, "DEBUG")


def test_parse_taxifare_command_line_of_the_source():
    config = parse(
        [
            *("--model", "regression", "--train_data_paths=r/taxi-train*", "--eval_data_paths=r/taxi-valid*"),
            *("--output_dir=trained", "--train_batch_size=512", "--train_steps=100", "--eval_steps=10"),
            *("--hidden_units", "128 32 4", "--eval_delay_secs", "10", "--min_eval_frequency", "1"),
        ]
    )

    assert config.options == RegressionOptions(hidden_units="128 32 4")
    assert (config.job_dir, config.steps_per_eval, config.train_batch_size) == ("trained", 1, 512)


def test_parse_autoencoder_command_line_of_the_source():
    config = parse(["--model=autoencoder", "--data-dir=d", "--model-dir=gs://b/m", "--epochs", "2"])

    assert isinstance(config.options, AutoencoderOptions)
    assert (config.job_dir, config.train_epochs) == ("gs://b/m", 2)


def test_parse_without_data_says_what_is_required(capsys):
    with pytest.raises(SystemExit):
        parse(["--job-dir", "j"])

    assert "--data-dir or --train-files" in capsys.readouterr().err


def test_parse_unknown_model_names_the_models():
    with pytest.raises(InputError, match=r"--model: expected one of .*wide_deep.*, received 'gpt'"):
        parse([*REQUIRED, "--model", "gpt"])


@pytest.mark.parametrize("model", ["resnet", "wide_deep", "regression", "autoencoder"])
def test_help_explains_every_flag(model, capsys):
    with pytest.raises(SystemExit):
        parse(["--model", model, "--help"])

    text = " ".join(capsys.readouterr().out.split())
    assert f"flags of --model {model}" in text
    for config in (TrainConfig, MODEL_OPTIONS[model]):
        for name, schema in config.schemas().items():
            assert f"{flag_of(name)} " in text
            assert schema["description"] in text


def test_wide_deep_layers_with_defaults_follow_the_sources_formula():
    assert WideDeepOptions().layers == (100, 70, 48, 34)


def test_wide_deep_layers_with_few_units_keep_two():
    assert WideDeepOptions(first_layer_size=3, num_layers=4, scale_factor=0.5).layers == (3, 2, 2, 2)


def test_regression_layers_are_the_hidden_units():
    assert RegressionOptions(hidden_units="128 32 4").layers == (128, 32, 4)


def test_cross_groups_with_spaces_are_names():
    assert WideDeepOptions(crosses="a + b, b+c+d").cross_groups == (("a", "b"), ("b", "c", "d"))


@pytest.mark.parametrize(
    ("options", "value", "message"),
    [
        (WideDeepOptions, {"num_layers": 0}, "--num-layers: expected 1 or more, received 0"),
        (WideDeepOptions, {"scale_factor": 0.0}, "--scale-factor: expected a number above 0"),
        (WideDeepOptions, {"dropout": 1.0}, "--dropout: expected 0 to below 1"),
        (WideDeepOptions, {"crosses": "alone"}, "--crosses: expected groups of two or more names"),
        (RegressionOptions, {"hidden_units": "8 x"}, "--hidden-units: expected numbers of 1 or more"),
        (RegressionOptions, {"hidden_units": ""}, "--hidden-units: expected"),
        (RegressionOptions, {"geo_pairs": "a,b,c"}, "--geo-pairs: expected no or four names"),
        (RegressionOptions, {"categorical_numbers": ","}, "--categorical-numbers: expected names"),
        (RegressionOptions, {"categorical_numbers": "a,,b"}, "--categorical-numbers: expected names"),
        (RegressionOptions, {"huber_delta": float("inf")}, "--huber-delta: expected a number above 0"),
        (RegressionOptions, {"num_bins": 101}, "--num-bins: expected 0 to 100"),
    ],
)
def test_options_out_of_range_are_refused(options, value, message):
    with pytest.raises(InputError, match=message):
        options(**value)
