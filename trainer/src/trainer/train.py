"""A training job from its records to its report."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

import keras

from trainer.checkpoints import Checkpoints
from trainer.conclusion import conclude
from trainer.config import TrainConfig
from trainer.errors import InputError
from trainer.fit import fit
from trainer.job import JobPaths
from trainer.loop import Loop
from trainer.models import MODELS, ModelFamily
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
    records = Records.open(config.data_dir)
    family = _family(config, records)
    policy = policy_of(config.precision)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        model = family.build(config, len(records.labels), policy)
    epoch = records.train.records / config.train_batch_size
    total_steps = config.train_steps or math.ceil(config.train_epochs * epoch)
    log.info("%s, %s, replicas: %d", model.name, policy, strategy.num_replicas_in_sync)
    log.info("%d training and %d validation records", records.train.records, records.validation.records)
    log.info("%d steps of %d images, %.1f epochs", total_steps, config.train_batch_size, total_steps / epoch)

    loop = Loop(strategy, model, total_steps=total_steps, config=config)
    chief = is_chief(strategy)
    facts = fit(
        loop,
        records,
        config,
        strategy=strategy,
        checkpoints=Checkpoints(paths.checkpoints, loop, config, chief=chief),
        summaries=Summaries(paths.logs, enabled=chief),
    )
    if chief:
        conclude(model, family, records, config, paths=paths, training=facts)


def _family(config: TrainConfig, records: Records) -> ModelFamily:
    family = MODELS[config.model]
    if records.contract.record_format != family.record_format:
        raise InputError(
            f"record_format of {config.data_dir}",
            expected=f"{family.record_format!r} for --model {config.model}",
            received=records.contract.record_format,
        )
    return family
