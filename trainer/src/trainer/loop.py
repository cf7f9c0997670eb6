"""Training loop: compiled steps over all replicas, learning rate, progress, evaluations and checkpoints."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import keras
import tensorflow as tf

from contract.artifacts import TrainingReport
from trainer.adapter import ModelAdapter
from trainer.checkpoints import Checkpoints, StopRequest
from trainer.config import ScheduleName, TrainConfig
from trainer.errors import Interrupted, TrainingError
from trainer.input_pipeline import evaluation_batches, evaluation_steps, train_batches
from trainer.records import Records
from trainer.strategy import compiled_for_gpus, is_multi_worker
from trainer.tensorboard import Summaries

log = logging.getLogger(__name__)

SOURCE_EPOCHS = 90
WARMUP_EPOCHS = 5
STEPS = ((30, 0.1), (60, 0.01), (80, 0.001))
"""Step decay: from this of `SOURCE_EPOCHS` epochs on, this factor.

https://github.com/tensorflow/tpu/blob/master/models/official/resnet/resnet_main.py (LR_SCHEDULE)
"""

_REFERENCE_BATCH = 256
_SUMS = 3
"""Examples, loss and training metric."""


@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """Metrics over some steps.

    Attributes:
        examples: number of examples.
        means: means over the examples by name: `loss`, and the adapter's training metric.
    """

    examples: int
    means: Mapping[str, float]

    def __str__(self) -> str:
        return "  ".join(f"{name} {value:.4g}" for name, value in self.means.items())

    @property
    def loss(self) -> float:
        """Mean of the examples' losses."""
        return self.means["loss"]


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then step decay, cosine decay or a constant, scaled to the length of the training.

    Args:
        total_steps: length of the training; stands for the source's 90 epochs.
        peak: learning rate after the warm-up.
        kind: `steps` as in the source, `cosine` to 0, or `constant`.
    """

    def __init__(self, *, total_steps: int, peak: float, kind: ScheduleName) -> None:
        self.total_steps = total_steps
        self.peak = peak
        self.kind = kind

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Return the learning rate at a step (scalar, from 0), as a float32 scalar."""
        epoch = tf.cast(step, tf.float32) * (SOURCE_EPOCHS / self.total_steps)
        if self.kind == "cosine":
            progress = (epoch - WARMUP_EPOCHS) / (SOURCE_EPOCHS - WARMUP_EPOCHS)
            factor = 0.5 * (1.0 + tf.cos(math.pi * tf.clip_by_value(progress, 0.0, 1.0)))
        else:
            factor = tf.ones_like(epoch)
            for start, value in STEPS if self.kind == "steps" else ():
                factor = tf.where(epoch >= start, value, factor)
        return self.peak * tf.where(epoch < WARMUP_EPOCHS, epoch / WARMUP_EPOCHS, factor)


class Trainer:
    """Training of a model on the replicas of a strategy.

    Args:
        strategy: devices and workers.
        adapter: the model, made in the strategy's scope.
        total_steps: length of the whole training.
        config: of the job.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        adapter: ModelAdapter,
        *,
        total_steps: int,
        config: TrainConfig,
    ) -> None:
        self.adapter = adapter
        self.total_steps = total_steps
        self.schedule = WarmupSchedule(
            total_steps=total_steps, peak=_peak_rate(config), kind=config.learning_rate_schedule
        )
        with strategy.scope():
            self.optimizer = _create_optimizer(config, self.schedule)
            # Made now, so that a checkpoint finds them when it is restored.
            self.optimizer.build(adapter.network.trainable_variables)
        self._strategy = strategy
        self._config = config
        self._decay_variables = adapter.decay_variables if config.weight_decay else ()

    @property
    def step(self) -> int:
        """Number of steps that the model has been trained."""
        return int(self.optimizer.iterations.numpy())

    def fit(
        self, records: Records, *, checkpoints: Checkpoints, summaries: Summaries, precision: str
    ) -> TrainingReport:
        """Train to the last step, from the newest checkpoint if there is one.

        Args:
            records: of the dataset.
            checkpoints: of the job.
            summaries: for TensorBoard.
            precision: the dtype policy, for the report.

        Raises:
            Interrupted: SIGTERM came; a checkpoint was written.
            TrainingError: the loss is no number.
        """
        config = self._config
        start = step = checkpoints.restore()
        if start:
            log.info("resumed from step %d", start)
        # A resumed training draws on with another seed: it must not see again what it began with.
        batches = self._distribute(
            lambda context: train_batches(
                self.adapter, records, config, seed=config.seed + start, context=context
            )
        )
        began = time.monotonic()
        # A signal reaches one worker, but all must save together: several rely on the regular checkpoints.
        with StopRequest(listen=not is_multi_worker(self._strategy)) as stop:
            while step < self.total_steps:
                until_eval = config.steps_per_eval - step % config.steps_per_eval
                steps = min(config.log_every, until_eval, self.total_steps - step)
                lap = time.monotonic()
                metrics = self.train_steps(batches, steps=steps)
                rate = metrics.examples / (time.monotonic() - lap)
                step += steps
                if not math.isfinite(metrics.loss):
                    raise TrainingError(
                        f"the loss at step {step} is {metrics.loss}: the training diverged; "
                        f"try a --base-learning-rate below {config.base_learning_rate}"
                    )
                self._report_progress(step, metrics, rate, summaries)
                last = step == self.total_steps
                if stop.received or last or steps == until_eval:
                    checkpoints.save()
                    summaries.flush()
                if stop.received:
                    raise Interrupted(step)
                if steps == until_eval and not last:
                    self._validate(records, summaries)
        seconds = time.monotonic() - began
        return TrainingReport(
            steps=step,
            resumed_from_step=start,
            seconds=round(seconds, 3),
            examples_per_second=round((step - start) * config.train_batch_size / seconds, 3),
            precision=precision,
            parameters=config.parameters(),
        )

    def train_steps(self, batches: Iterator[Any], *, steps: int) -> StepMetrics:
        """Train some steps in one call of the compiled loop.

        Args:
            batches: iterator over a distributed `train_batches`.
            steps: number of steps.
        """
        with compiled_for_gpus():
            return self._metrics(self._train(batches, tf.constant(steps)))

    def evaluate_steps(self, batches: Iterator[Any], *, steps: int) -> StepMetrics:
        """Evaluate some steps.

        Args:
            batches: iterator over a distributed `evaluation_batches`.
            steps: number of steps.
        """
        return self._metrics(self._evaluate(batches, tf.constant(steps)))

    def _report_progress(
        self, step: int, metrics: StepMetrics, examples_per_second: float, summaries: Summaries
    ) -> None:
        remaining = round((self.total_steps - step) * self._config.train_batch_size / examples_per_second)
        log.info(
            "step %d/%d  %s  %.0f examples/s  ETA %s",
            *(step, self.total_steps, metrics, examples_per_second, timedelta(seconds=remaining)),
        )
        summaries.scalars(
            step,
            {
                **{f"train/{name}": value for name, value in metrics.means.items()},
                "train/learning_rate": float(self.schedule(step - 1)),
                "train/examples_per_second": examples_per_second,
            },
        )

    def _validate(self, records: Records, summaries: Summaries) -> None:
        batches = self._distribute(
            lambda context: evaluation_batches(self.adapter, records, self._config, context=context)
        )
        replicas = self._strategy.num_replicas_in_sync
        metrics = self.evaluate_steps(
            batches, steps=evaluation_steps(records, self._config, replicas=replicas)
        )
        log.info("step %d  validation: %s", self.step, metrics)
        summaries.scalars(self.step, {f"validation/{name}": value for name, value in metrics.means.items()})
        summaries.flush()

    def _distribute(self, batches: Callable[[tf.distribute.InputContext], tf.data.Dataset]) -> Iterator[Any]:
        return iter(self._strategy.distribute_datasets_from_function(batches))

    # Never jit_compile: on a CPU, XLA's convolutions are about twenty times slower.
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
        network = self.adapter.network
        variables = network.trainable_variables
        with tf.GradientTape() as tape:
            outputs = network(inputs, training=True)
            losses = self.adapter.training_losses(targets, outputs)
            loss = tf.reduce_sum(losses) / self._config.train_batch_size
            if self._decay_variables:
                decay = self._config.weight_decay * tf.add_n(
                    [tf.nn.l2_loss(v) for v in self._decay_variables]
                )
                # The optimizer sums the gradients of the replicas: each gives its share of the mean.
                loss += decay / self._strategy.num_replicas_in_sync
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return self._sums(targets, outputs, losses, tf.ones_like(losses))

    def _evaluation_step(self, inputs: Any, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        outputs = self.adapter.network(inputs, training=False)
        losses = self.adapter.losses(targets, outputs)
        return self._sums(targets, outputs, losses, weights)

    def _sums(
        self, targets: tf.Tensor, outputs: tf.Tensor, losses: tf.Tensor, weights: tf.Tensor
    ) -> tf.Tensor:
        """Sum examples, loss and training metric over a batch, weighted; float32 (`_SUMS`,)."""
        columns = [tf.ones_like(losses), losses, self.adapter.train_metric(targets, outputs)]
        return tf.stack([tf.reduce_sum(tf.cast(column, tf.float32) * weights) for column in columns])

    def _metrics(self, sums: tf.Tensor) -> StepMetrics:
        examples, loss, metric = (float(value) for value in sums.numpy())
        means = {"loss": loss / examples, self.adapter.train_metric_name: metric / examples}
        return StepMetrics(examples=round(examples), means=means)


def _create_optimizer(config: TrainConfig, schedule: WarmupSchedule) -> keras.optimizers.Optimizer:
    if config.optimizer == "momentum":
        return keras.optimizers.SGD(schedule, momentum=config.momentum, nesterov=True)
    return keras.optimizers.Adam(schedule)


def _peak_rate(config: TrainConfig) -> float:
    """Scale the rate with the batch for momentum (Goyal et al., 2017); Adam scales its steps itself."""
    if config.optimizer == "momentum":
        return config.base_learning_rate * config.train_batch_size / _REFERENCE_BATCH
    return config.base_learning_rate
