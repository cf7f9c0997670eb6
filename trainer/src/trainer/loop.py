"""The compiled training and evaluation steps, over all replicas of a strategy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from trainer.config import TrainConfig
from trainer.schedule import WarmupSchedule


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What some steps amounted to.

    Attributes:
        loss: mean cross-entropy of an example, in nats.
        accuracy: share of the examples that were classified rightly.
        examples: how many there were.
    """

    loss: float
    accuracy: float
    examples: int


class Loop:
    """Trains a model step by step.

    Args:
        strategy: where it runs.
        model: from images to logits; built in the strategy's scope.
        total_steps: length of the whole training, for the schedule.
        config: batch size, optimizer and regularization.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, model: keras.Model, *, total_steps: int, config: TrainConfig
    ) -> None:
        self.model = model
        self.total_steps = total_steps
        self.schedule = WarmupSchedule(
            total_steps=total_steps,
            base_learning_rate=config.base_learning_rate,
            batch_size=config.train_batch_size,
            kind=config.learning_rate_schedule,
        )
        with strategy.scope():
            self.optimizer = keras.optimizers.SGD(self.schedule, momentum=config.momentum, nesterov=True)
            # Made now, so that a checkpoint finds them when it is restored.
            self.optimizer.build(model.trainable_variables)
        self._strategy = strategy
        self._config = config
        self._decayed = [v for v in model.trainable_variables if "batch_normalization" not in v.path]

    @property
    def step(self) -> int:
        """How many steps the model has been trained."""
        return int(self.optimizer.iterations.numpy())

    def train(self, batches: Iterator[Any], *, steps: int) -> Totals:
        """Train some steps in one call of the compiled loop.

        Args:
            batches: iterator over a distributed `train_batches`.
            steps: how many.
        """
        return _totals(self._train(batches, tf.constant(steps)))

    def evaluate(self, batches: Iterator[Any], *, steps: int) -> Totals:
        """Evaluate some steps.

        Args:
            batches: iterator over a distributed `evaluation_batches`.
            steps: how many.
        """
        return _totals(self._evaluate(batches, tf.constant(steps)))

    # jit_compile stays off: on a CPU, XLA's convolutions are about twenty times slower.
    @tf.function
    def _train(self, batches: Iterator[Any], steps: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(3)
        for _ in tf.range(steps):
            replicas = self._strategy.run(self._train_step, args=next(batches))
            sums += self._strategy.reduce(tf.distribute.ReduceOp.SUM, replicas, axis=None)
        return sums

    @tf.function
    def _evaluate(self, batches: Iterator[Any], steps: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(3)
        for _ in tf.range(steps):
            replicas = self._strategy.run(self._evaluation_step, args=next(batches))
            sums += self._strategy.reduce(tf.distribute.ReduceOp.SUM, replicas, axis=None)
        return sums

    def _train_step(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        config, variables = self._config, self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            losses = keras.losses.categorical_crossentropy(
                tf.one_hot(labels, logits.shape[-1]),
                logits,
                from_logits=True,
                label_smoothing=config.label_smoothing,
            )
            decay = config.weight_decay * tf.add_n([tf.nn.l2_loss(v) for v in self._decayed])
            # The optimizer sums the gradients of the replicas: each gives its share of the mean.
            shared = decay / self._strategy.num_replicas_in_sync
            loss = tf.reduce_sum(losses) / config.train_batch_size + shared
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return _sums(losses, logits, labels, tf.ones_like(losses))

    def _evaluation_step(self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        logits = self.model(images, training=False)
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        return _sums(losses, logits, labels, weights)


def _sums(losses: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Loss, right answers and examples; float32 (3,)."""
    right = tf.cast(tf.argmax(logits, axis=-1) == labels, tf.float32)
    return tf.stack([tf.reduce_sum(losses * weights), tf.reduce_sum(right * weights), tf.reduce_sum(weights)])


def _totals(sums: tf.Tensor) -> Totals:
    loss, right, examples = (float(value) for value in sums.numpy())
    return Totals(loss=loss / examples, accuracy=right / examples, examples=round(examples))
