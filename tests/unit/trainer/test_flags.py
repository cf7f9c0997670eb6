"""The command line."""

from __future__ import annotations

import pytest
from trainer.errors import InputError
from trainer.flags import parse

REQUIRED = ["--data-dir", "d", "--job-dir", "j"]


def test_parse_dashes_and_underscores_are_the_same():
    dashes = parse([*REQUIRED, "--train-batch-size", "64", "--resnet-depth", "50"])
    underscores = parse(["--data_dir=d", "--job_dir=j", "--train_batch_size=64", "--resnet_depth=50"])

    assert dashes == underscores
    assert dashes.train_batch_size == 64


def test_parse_without_options_gives_the_source_s_values():
    config = parse(REQUIRED)

    assert (config.resnet_depth, config.image_size, config.momentum) == (18, 224, 0.9)
    assert (config.base_learning_rate, config.weight_decay, config.crop_area_min) == (0.1, 1e-4, 0.08)
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
