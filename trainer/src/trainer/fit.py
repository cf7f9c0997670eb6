"""The course of a training: steps, progress lines, evaluations, checkpoints."""

from __future__ import annotations

import logging
import math
import time
from datetime import timedelta

import tensorflow as tf

from trainer.checkpoints import Checkpoints
from trainer.config import TrainConfig
from trainer.errors import Interrupted, TrainingError
from trainer.input_pipeline import evaluation_batches, evaluation_steps, train_batches
from trainer.loop import Loop
from trainer.records import Records
from trainer.report import TrainingFacts
from trainer.signals import StopRequest
from trainer.strategy import is_multi_worker
from trainer.tensorboard import Summaries

log = logging.getLogger(__name__)


def fit(
    loop: Loop,
    records: Records,
    config: TrainConfig,
    *,
    strategy: tf.distribute.Strategy,
    checkpoints: Checkpoints,
    summaries: Summaries,
    precision: str,
) -> TrainingFacts:
    """Train to the last step, from the newest checkpoint if there is one.

    Args:
        loop: the compiled steps.
        records: of the dataset.
        config: of the job.
        strategy: where the loop runs.
        checkpoints: of the job.
        summaries: for TensorBoard.
        precision: the dtype policy, for the report.

    Raises:
        Interrupted: SIGTERM came; a checkpoint was written.
        TrainingError: the loss is no number.
    """
    start = step = checkpoints.restore()
    if start:
        log.info("resumed from step %d", start)
    # A resumed training draws on with another seed: it must not see again what it began with.
    batches = iter(
        strategy.distribute_datasets_from_function(
            lambda context: train_batches(
                loop.learner, records, config, seed=config.seed + start, context=context
            )
        )
    )
    began = time.monotonic()
    # A signal reaches one worker, but all must save together: several rely on the regular checkpoints.
    with StopRequest(listen=not is_multi_worker(strategy)) as stop:
        while step < loop.total_steps:
            until_eval = config.steps_per_eval - step % config.steps_per_eval
            steps = min(config.log_every, until_eval, loop.total_steps - step)
            lap = time.monotonic()
            totals = loop.train(batches, steps=steps)
            rate = totals.examples / (time.monotonic() - lap)
            step += steps
            if not math.isfinite(totals.loss):
                raise TrainingError(
                    f"the loss at step {step} is {totals.loss}: the training diverged; "
                    f"try a --base-learning-rate below {config.base_learning_rate}"
                )
            remaining = round((loop.total_steps - step) * config.train_batch_size / rate)
            log.info(
                "step %d/%d  %s  %.0f examples/s  ETA %s",
                *(step, loop.total_steps, totals, rate, timedelta(seconds=remaining)),
            )
            summaries.scalars(
                step,
                {
                    **{f"train/{name}": value for name, value in totals.figures.items()},
                    "train/learning_rate": float(loop.schedule(step - 1)),
                    "train/examples_per_second": rate,
                },
            )
            last = step == loop.total_steps
            if stop.received or last or steps == until_eval:
                checkpoints.save()
            if stop.received:
                raise Interrupted(step)
            if steps == until_eval and not last:
                _evaluate(loop, records, config, strategy=strategy, summaries=summaries)
    seconds = time.monotonic() - began
    return TrainingFacts(
        steps=step,
        resumed_from_step=start,
        seconds=seconds,
        examples_per_second=(step - start) * config.train_batch_size / seconds,
        precision=precision,
    )


def _evaluate(
    loop: Loop,
    records: Records,
    config: TrainConfig,
    *,
    strategy: tf.distribute.Strategy,
    summaries: Summaries,
) -> None:
    batches = iter(
        strategy.distribute_datasets_from_function(
            lambda context: evaluation_batches(loop.learner, records, config, context=context)
        )
    )
    totals = loop.evaluate(batches, steps=evaluation_steps(records, config))
    log.info("step %d  validation: %s", loop.step, totals)
    summaries.scalars(loop.step, {f"validation/{name}": value for name, value in totals.figures.items()})
