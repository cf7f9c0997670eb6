"""The compiled steps under strategies."""

from __future__ import annotations

import subprocess
import sys

import pytest

_TWO_REPLICAS = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from trainer.config import TrainConfig
from trainer.input_pipeline import evaluation_batches, evaluation_steps, train_batches
from trainer.loop import Loop
from trainer.models import MODELS
from trainer.records import Records

config = TrainConfig.of(
    data_dir=sys.argv[1], job_dir="unused", image_size=32, train_batch_size=8, eval_batch_size=8
)
records = Records.open(config.data_dir)
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
with strategy.scope():
    learner = MODELS["resnet"].create(config, records, "float32")
loop = Loop(strategy, learner, total_steps=2, config=config)
def distributed(make):
    return iter(strategy.distribute_datasets_from_function(make))
batches = distributed(lambda c: train_batches(learner, records, config, seed=0, context=c))
trained = loop.train(batches, steps=2)
assert (loop.step, trained.examples) == (2, 16), (loop.step, trained)
judged = loop.evaluate(
    distributed(lambda c: evaluation_batches(learner, records, config, context=c)),
    steps=evaluation_steps(records, config),
)
assert judged.examples == 12, judged
"""


@pytest.mark.slow
def test_loop_under_two_replicas_trains_and_counts_every_record_once(dataset):
    # In a process of its own: the devices of TensorFlow are fixed once it has begun.
    done = subprocess.run(
        [sys.executable, "-c", _TWO_REPLICAS, str(dataset)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-3000:]
