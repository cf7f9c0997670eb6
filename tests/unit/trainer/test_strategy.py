"""The choice of a strategy; GPUs and TPUs need the machines."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from trainer.errors import InputError
from trainer.strategy import create_strategy, is_chief, is_multi_worker


@pytest.mark.parametrize("tf_config", ["", json.dumps({"cluster": {"chief": ["localhost:1"]}, "task": {}})])
def test_create_strategy_for_one_worker_is_one_device(tf_config):
    strategy = create_strategy({"TF_CONFIG": tf_config})

    assert isinstance(strategy, tf.distribute.OneDeviceStrategy | tf.distribute.MirroredStrategy)
    assert is_chief(strategy)
    assert not is_multi_worker(strategy)


@pytest.mark.parametrize("tf_config", ["{", "[]"])
def test_create_strategy_with_a_broken_tf_config_names_it(tf_config):
    with pytest.raises(InputError, match="TF_CONFIG: expected a JSON object"):
        create_strategy({"TF_CONFIG": tf_config})
