"""The compiled training and evaluation steps, over all replicas of a strategy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from trainer.config import TrainConfig
from trainer.learner import Learner
from trainer.schedule import WarmupSchedule

_REFERENCE_BATCH = 256
_SUMS = 3
"""Examples, loss and progress."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What some steps amounted to.

    Attributes:
        examples: how many there were.
        figures: means over the examples by name: `loss`, and the learner's progress.
    """

    examples: int
    figures: Mapping[str, float]

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.4g}" for name, value in self.figures.items())

    @property
    def loss(self) -> float:
        """Mean of the examples' losses."""
        return self.figures["loss"]


class Loop:
    """Trains a model step by step.

    Args:
        strategy: where it runs.
        learner: made in the strategy's scope.
        total_steps: length of the whole training, for the schedule.
        config: batch size, optimizer and regularization.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, learner: Learner, *, total_steps: int, config: TrainConfig
    ) -> None:
        self.learner = learner
        self.total_steps = total_steps
        self.schedule = WarmupSchedule(
            total_steps=total_steps, peak=_peak_rate(config), kind=config.learning_rate_schedule
        )
        with strategy.scope():
            self.optimizer = _optimizer(config, self.schedule)
            # Made now, so that a checkpoint finds them when it is restored.
            self.optimizer.build(learner.network.trainable_variables)
        self._strategy = strategy
        self._config = config
        self._decayed = learner.decayed if config.weight_decay else ()

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
        return self._totals(self._train(batches, tf.constant(steps)))

    def evaluate(self, batches: Iterator[Any], *, steps: int) -> Totals:
        """Evaluate some steps.

        Args:
            batches: iterator over a distributed `evaluation_batches`.
            steps: how many.
        """
        return self._totals(self._evaluate(batches, tf.constant(steps)))

    # jit_compile stays off: on a CPU, XLA's convolutions are about twenty times slower.
    @tf.function
    def _train(self, batches: Iterator[Any], steps: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(_SUMS)
        for _ in tf.range(steps):
            sums += self._over_replicas(self._train_step, next(batches))
        return sums

    @tf.function
    def _evaluate(self, batches: Iterator[Any], steps: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(_SUMS)
        for _ in tf.range(steps):
            sums += self._over_replicas(self._evaluation_step, next(batches))
        return sums

    def _over_replicas(self, step: Any, batch: Any) -> tf.Tensor:
        replicas = self._strategy.run(step, args=batch)
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, replicas, axis=None)

    def _train_step(self, inputs: Any, targets: tf.Tensor) -> tf.Tensor:
        network = self.learner.network
        variables = network.trainable_variables
        with tf.GradientTape() as tape:
            outputs = network(inputs, training=True)
            losses = self.learner.training_losses(targets, outputs)
            loss = tf.reduce_sum(losses) / self._config.train_batch_size
            if self._decayed:
                decay = self._config.weight_decay * tf.add_n([tf.nn.l2_loss(v) for v in self._decayed])
                # The optimizer sums the gradients of the replicas: each gives its share of the mean.
                loss += decay / self._strategy.num_replicas_in_sync
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return self._sums(targets, outputs, losses, tf.ones_like(losses))

    def _evaluation_step(self, inputs: Any, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        outputs = self.learner.network(inputs, training=False)
        losses = self.learner.losses(targets, outputs)
        return self._sums(targets, outputs, losses, weights)

    def _sums(
        self, targets: tf.Tensor, outputs: tf.Tensor, losses: tf.Tensor, weights: tf.Tensor
    ) -> tf.Tensor:
        """Examples, loss and progress over a batch, weighted; float32 (`_SUMS`,)."""
        columns = [tf.ones_like(losses), losses, self.learner.progress(targets, outputs)]
        return tf.stack([tf.reduce_sum(tf.cast(column, tf.float32) * weights) for column in columns])

    def _totals(self, sums: tf.Tensor) -> Totals:
        examples, loss, progress = (float(value) for value in sums.numpy())
        figures = {"loss": loss / examples, self.learner.progress_name: progress / examples}
        return Totals(examples=round(examples), figures=figures)


def _peak_rate(config: TrainConfig) -> float:
    """With momentum in proportion to the batch (Goyal et al., 2017); Adam scales its steps itself."""
    if config.optimizer == "momentum":
        return config.base_learning_rate * config.train_batch_size / _REFERENCE_BATCH
    return config.base_learning_rate


def _optimizer(config: TrainConfig, schedule: WarmupSchedule) -> keras.optimizers.Optimizer:
    if config.optimizer == "momentum":
        return keras.optimizers.SGD(schedule, momentum=config.momentum, nesterov=True)
    return keras.optimizers.Adam(schedule)
