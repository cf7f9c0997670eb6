"""Choice of a strategy and of a dtype policy; GPUs and TPUs need the machines."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from contract.naming import EXPECTED_ACCELERATORS
from trainer.errors import InputError
from trainer.strategy import (
    check_accelerators,
    compiled_for_gpus,
    create_strategy,
    dtype_policy,
    is_chief,
    is_multi_worker,
)


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


@pytest.mark.parametrize("expected", ["GPU:1024", "TPU:1024"])
def test_check_accelerators_that_are_not_there_names_what_is(expected):
    with pytest.raises(InputError, match=rf"expected {expected}, .*, received '[GT]PU:\d+'"):
        check_accelerators({EXPECTED_ACCELERATORS: expected})


@pytest.mark.parametrize("expected", ["", "GPU:0"])
def test_check_accelerators_that_are_there_is_silent(expected):
    check_accelerators({EXPECTED_ACCELERATORS: expected})


@pytest.mark.parametrize("expected", ["4", "GPU", "GPU:x", "CPU:1"])
def test_check_accelerators_of_another_form_names_the_variable(expected):
    with pytest.raises(InputError, match="PERENNIAL_EXPECTED_ACCELERATORS: expected GPU:NUMBER"):
        check_accelerators({EXPECTED_ACCELERATORS: expected})


@pytest.mark.parametrize(
    ("flags", "policy"),
    [
        ("fpu sse avx2", "float32"),
        ("fpu avx2 avx512_bf16", "mixed_bfloat16"),
        ("fpu amx_bf16 amx_tile", "mixed_bfloat16"),
    ],
)
def test_policy_of_auto_on_a_processor_follows_its_instructions(tmp_path, flags, policy):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t: none\n")

    assert dtype_policy("auto", cpuinfo=cpuinfo) == policy


def test_policy_of_auto_without_cpuinfo_is_float32(tmp_path):
    assert dtype_policy("auto", cpuinfo=tmp_path / "none") == "float32"


def test_policy_of_a_given_precision_is_taken_as_it_is(tmp_path):
    assert dtype_policy("bfloat16", cpuinfo=tmp_path / "none") == "mixed_bfloat16"


@pytest.mark.parametrize(("gpus", "compiled"), [([], ""), (["/physical_device:GPU:0"], "autoclustering")])
def test_compiled_for_gpus_clusters_only_what_runs_within_on_a_gpu(monkeypatch, gpus, compiled):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: gpus)

    with compiled_for_gpus():
        within = tf.config.optimizer.get_jit()

    assert within == compiled
    assert tf.config.optimizer.get_jit() == ""
