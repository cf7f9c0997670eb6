"""A training job from its records to its report."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

import keras

from trainer.checkpoints import Checkpoints
from trainer.conclusion import conclude
from trainer.config import TrainConfig
from trainer.fit import fit
from trainer.job import JobPaths
from trainer.loop import Loop
from trainer.models import family_of
from trainer.precision import policy_of
from trainer.records import Records
from trainer.report import is_finished
from trainer.strategy import create_strategy, is_chief
from trainer.tensorboard import Summaries

log = logging.getLogger(__name__)


def run(config: TrainConfig, *, environment: Mapping[str, str]) -> None:
    """Train, evaluate and export a model; go on where an interrupted job of the same directory stopped.

    Args:
        config: of the job.
        environment: may hold `AIP_*` variables and `TF_CONFIG`.

    Raises:
        InputError: a flag or the data can't be used.
        Interrupted: the job was asked to stop, and saved its state.
        TrainingError: the training diverged.
    """
    paths = JobPaths.of(config.job_dir, environment)
    if is_finished(paths.evaluation, config):
        log.info("nothing to do: %s is the report of a job with the same parameters", paths.evaluation)
        return
    strategy = create_strategy(environment)
    records = Records.open(config.data_dir, train_files=config.train_files, eval_files=config.eval_files)
    family = family_of(config, records)
    policy = policy_of(config.precision)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        learner = family.create(config, records, policy)
    epoch = records.train.records / config.train_batch_size
    total_steps = config.train_steps or math.ceil(config.train_epochs * epoch)
    log.info("%s, %s, replicas: %d", config.model, policy, strategy.num_replicas_in_sync)
    log.info("%d training and %d validation records", records.train.records, records.validation.records)
    log.info(
        "%d steps of %d examples, %.1f epochs", total_steps, config.train_batch_size, total_steps / epoch
    )

    chief = is_chief(strategy)
    loop = Loop(strategy, learner, total_steps=total_steps, config=config)
    facts = fit(
        loop,
        records,
        config,
        strategy=strategy,
        checkpoints=Checkpoints(paths.checkpoints, loop, config, chief=chief),
        summaries=Summaries(paths.logs, enabled=chief),
        precision=policy,
    )
    if chief:
        conclude(learner, family, records, config, paths=paths, training=facts)
