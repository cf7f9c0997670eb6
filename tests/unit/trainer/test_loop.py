"""Training loop: learning rate schedule, and steps under strategies."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trainer.loop import WarmupSchedule

STEPS_PER_EPOCH = 10
# LR_SCHEDULE of the source, at 0.1 for a batch of 256: epoch to rate.
SOURCE = {
    0: 0.0, 1: 0.02, 2.5: 0.05, 5: 0.1, 29.9: 0.1, 30: 0.01, 59.9: 0.01, 60: 0.001, 79.9: 0.001, 80: 0.0001,
}  # fmt: skip


@pytest.mark.parametrize(("epoch", "rate"), SOURCE.items())
def test_warmup_schedule_over_90_epochs_is_the_source_s(epoch, rate):
    schedule = WarmupSchedule(total_steps=90 * STEPS_PER_EPOCH, peak=0.1, kind="steps")

    assert float(schedule(round(epoch * STEPS_PER_EPOCH))) == pytest.approx(rate, rel=1e-5)


def test_warmup_schedule_constant_stays_at_the_peak():
    schedule = WarmupSchedule(total_steps=90, peak=0.1, kind="constant")

    assert [float(schedule(step)) for step in (5, 89)] == pytest.approx([0.1, 0.1])


def test_warmup_schedule_cosine_falls_from_the_peak_to_zero():
    schedule = WarmupSchedule(total_steps=90, peak=0.1, kind="cosine")

    assert float(schedule(5)) == pytest.approx(0.1)
    assert float(schedule(47.5)) == pytest.approx(0.05, rel=1e-3)
    assert float(schedule(90)) == pytest.approx(0.0, abs=1e-7)


_TWO_REPLICAS = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from trainer.config import TrainConfig
from trainer.input_pipeline import evaluation_batches, evaluation_steps, train_batches
from trainer.loop import Trainer
from trainer.registry import REGISTRY
from trainer.records import Records

config = TrainConfig.of(
    data_dir=sys.argv[1], job_dir="unused", image_size=32, train_batch_size=8, eval_batch_size=8
)
records = Records.open(config.data_dir)
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
with strategy.scope():
    adapter = REGISTRY["resnet"].create(config, records, "float32")
trainer = Trainer(strategy, adapter, total_steps=2, config=config)
def distributed(make):
    return iter(strategy.distribute_datasets_from_function(make))
batches = distributed(lambda c: train_batches(adapter, records, config, seed=0, context=c))
trained = trainer.train_steps(batches, steps=2)
assert (trainer.step, trained.examples) == (2, 16), (trainer.step, trained)
evaluated = trainer.evaluate_steps(
    distributed(lambda c: evaluation_batches(adapter, records, config, context=c)),
    steps=evaluation_steps(records, config),
)
assert evaluated.examples == 12, evaluated
"""


@pytest.mark.slow
def test_loop_under_two_replicas_trains_and_counts_every_record_once(dataset):
    # In a process of its own: the devices of TensorFlow are fixed once it has begun.
    done = subprocess.run(
        [sys.executable, "-c", _TWO_REPLICAS, str(dataset)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-3000:]
