"""A training job from its records to its report."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from contract.artifacts import GoldenRequest, TrainingReport
from contract.data_contract import IMAGE_INPUT
from trainer.adapter import ModelAdapter
from trainer.checkpoints import Checkpoints
from trainer.config import TrainConfig
from trainer.evaluation import ProductionModel, compare, evaluate_split
from trainer.examples import choose_golden, first_examples, golden_requests, spread_examples
from trainer.export import ExportedModel, save_model
from trainer.input_pipeline import unreadable_record
from trainer.loop import Trainer
from trainer.records import Records
from trainer.registry import ModelSpec, model_spec
from trainer.report import (
    JobPaths,
    check_trial_file,
    create_evaluation,
    is_finished,
    report_trial,
    write_text,
)
from trainer.strategy import check_accelerators, create_strategy, dtype_policy, is_chief
from trainer.tensorboard import Summaries

_PARITY_EXAMPLES = 64
_SUMMARY_EXAMPLES = 16

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
    check_trial_file(environment)
    check_accelerators(environment)
    strategy = create_strategy(environment)
    records = Records.open(
        config.data_dir,
        train_files=config.train_files,
        eval_files=config.eval_files,
        holdout_folds=config.holdout_folds,
    )
    spec = model_spec(config, records)
    policy = dtype_policy(config.precision)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        adapter = spec.create(config, records, policy)
    epoch = records.train.records / config.train_batch_size
    total_steps = config.train_steps or math.ceil(config.train_epochs * epoch)
    log.info("%s, %s, replicas: %d", config.model, policy, strategy.num_replicas_in_sync)
    log.info("%d training and %d validation records", records.train.records, records.validation.records)
    log.info(
        "%d steps of %d examples, %.1f epochs", total_steps, config.train_batch_size, total_steps / epoch
    )

    chief = is_chief(strategy)
    trainer = Trainer(strategy, adapter, total_steps=total_steps, config=config)
    checkpoints = Checkpoints(
        paths.checkpoints, network=adapter.network, optimizer=trainer.optimizer, config=config, chief=chief
    )
    summaries = Summaries(paths.logs, enabled=chief)
    try:
        training = trainer.fit(records, checkpoints=checkpoints, summaries=summaries, precision=policy)
        if chief:
            export_and_evaluate(adapter, spec, records, config, paths=paths, training=training)
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise unreadable_record(adapter, records) or error from error


def export_and_evaluate(
    adapter: ModelAdapter,
    spec: ModelSpec,
    records: Records,
    config: TrainConfig,
    *,
    paths: JobPaths,
    training: TrainingReport,
) -> None:
    """Export a trained model, evaluate the export as read back from disk, and write the report.

    Args:
        adapter: trained; its weights are float32 whatever it computes in.
        spec: of the model.
        records: of the dataset.
        config: of the job.
        paths: of the job.
        training: of the model, for the evaluation.

    """
    # Exports compute in float32: they are served on processors without bfloat16.
    served = spec.create(config, records, "float32")
    served.network.set_weights(adapter.network.get_weights())
    save_model(served, paths.model)
    inputs = records.contract.model_inputs
    export = ExportedModel(paths.model, inputs=inputs)
    log.info("exported %s, %.1f MB", paths.model, export.bytes() / 1e6)

    evaluator = spec.evaluator(config, records)
    batch_size = config.eval_batch_size
    validation = compare(
        export,
        evaluator,
        records,
        records.validation,
        batch_size=batch_size,
        production=ProductionModel(model=config.production_model, version=config.production_version)
        if config.production_model
        else None,
        slices=config.slices.split(",") if config.slices else (),
    )
    test = None
    if records.test is not None:
        test = evaluate_split(export, evaluator, records, records.test, batch_size=batch_size)
        log.info("%s, model: %s", records.test.name, test.model)

    summaries = Summaries(paths.logs)
    for split, result in (("validation", validation), ("test", test)):
        if result is not None:
            metrics = result.model.metrics
            summaries.scalars(training.steps, {f"{split}/{name}": value for name, value in metrics.items()})
    if IMAGE_INPUT in inputs:
        some = spread_examples(records, records.validation, _SUMMARY_EXAMPLES)
        summaries.images(training.steps, served.summary_images(some.inputs, export.predict_examples(some)))
    summaries.flush()
    golden = choose_golden(records, records.validation)
    requests = golden_requests(golden, export.predict(golden.inputs))
    # Beside the graph, too: a server has no more than the model's folder to warm up with.
    for path in (paths.model / GoldenRequest.EXPORTED, paths.golden):
        write_text(path, "".join(request.to_line() for request in requests))
    evaluation = create_evaluation(
        config,
        records,
        validation=validation,
        test=test,
        export=export,
        parity=_parity(served, export, records),
        training=training,
    )
    report_trial(validation.model.metrics, step=training.steps)
    write_text(paths.evaluation, evaluation.to_text())
    log.info("finished: %s", paths.evaluation)


def _parity(adapter: ModelAdapter, export: ExportedModel, records: Records) -> float:
    """Return the largest difference of an output between the export and the model in memory."""
    some = first_examples(records, records.validation, _PARITY_EXAMPLES)
    expected = adapter.serve({name: tf.constant(values) for name, values in some.inputs.items()})
    found = export.predict(some.inputs)
    return max(
        float(np.nan_to_num(np.abs(expected[name].numpy() - values), nan=1.0).max())
        for name, values in found.items()
        if values.dtype.kind == "f"
    )
