"""The learning rate over the course of a training."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from trainer.config import ScheduleName

SOURCE_EPOCHS = 90
WARMUP_EPOCHS = 5
STEPS = ((30, 0.1), (60, 0.01), (80, 0.001))
"""From this of `SOURCE_EPOCHS` epochs on, this factor.

https://github.com/tensorflow/tpu/blob/master/models/official/resnet/resnet_main.py (LR_SCHEDULE)
"""


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then steps, a cosine or nothing, in proportion to the length of the training.

    Args:
        total_steps: of the training; stands for the source's 90 epochs.
        peak: the rate after the warm-up.
        kind: `steps` as in the source, `cosine` to 0, or `constant`.
    """

    def __init__(self, *, total_steps: int, peak: float, kind: ScheduleName) -> None:
        self.total_steps = total_steps
        self.peak = peak
        self.kind = kind

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """The rate at a step (scalar, from 0), as a float32 scalar."""
        epoch = tf.cast(step, tf.float32) * (SOURCE_EPOCHS / self.total_steps)
        if self.kind == "cosine":
            progress = (epoch - WARMUP_EPOCHS) / (SOURCE_EPOCHS - WARMUP_EPOCHS)
            factor = 0.5 * (1.0 + tf.cos(math.pi * tf.clip_by_value(progress, 0.0, 1.0)))
        else:
            factor = tf.ones_like(epoch)
            for start, value in STEPS if self.kind == "steps" else ():
                factor = tf.where(epoch >= start, value, factor)
        return self.peak * tf.where(epoch < WARMUP_EPOCHS, epoch / WARMUP_EPOCHS, factor)
