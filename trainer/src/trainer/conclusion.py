"""The end of a job: export, evaluation of what was exported, and the report."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from dataset_contract.mount import mounted_path

from trainer.config import TrainConfig
from trainer.evaluate import Score, score_export, score_majority_class, validation_examples
from trainer.export import ExportedModel, Predictions, save_model
from trainer.image_processing import centered
from trainer.job import JobPaths, write_json, write_text
from trainer.models import ModelFamily
from trainer.records import Records
from trainer.report import TrainingFacts, choose_golden, evaluation, golden_lines
from trainer.tensorboard import PredictedImage, Summaries

_PARITY_IMAGES = 64
_SHOWN_IMAGES = 16

log = logging.getLogger(__name__)


def conclude(
    model: keras.Model,
    family: ModelFamily,
    records: Records,
    config: TrainConfig,
    *,
    paths: JobPaths,
    training: TrainingFacts,
) -> None:
    """Export a trained model, judge the export as read back from disk, and write the report.

    Args:
        model: trained; its weights are float32 whatever it computes in.
        family: how to build it.
        records: of the dataset.
        config: of the job.
        paths: of the job.
        training: how it went.

    Raises:
        InputError: the production model can't be read or compared.
    """
    # Exports compute in float32: they are served on processors without bfloat16.
    exact = family.build(config, len(records.labels), "float32")
    exact.set_weights(model.get_weights())
    save_model(exact, paths.model, labels=records.labels)
    export = ExportedModel(paths.model)
    log.info("exported %s, %.1f MB", paths.model, export.bytes() / 1e6)

    score, predictions = score_export(export, records, batch_size=config.eval_batch_size)
    baseline, production = score_majority_class(records), _score_production(records, config)
    for name, judged in (("model", score), ("majority class", baseline), ("production", production)):
        if judged is not None:
            log.info("%s: validation accuracy %.4f, loss %.4f", name, judged.accuracy, judged.loss)

    summaries = Summaries(paths.logs)
    summaries.scalars(
        training.steps, {f"validation/{name}": value for name, value in score.metrics().items()}
    )
    summaries.predictions(training.steps, list(_shown(records, predictions)))
    golden = choose_golden(validation_examples(records), classes=len(records.labels))
    answers = export.predict([example.image for example in golden])
    write_text(paths.golden, golden_lines(golden, answers))
    report = evaluation(
        config,
        records,
        model=score,
        baseline=baseline,
        production=production,
        export=export,
        parity=_parity(exact, export, records, config),
        training=training,
    )
    write_json(paths.evaluation, report)
    log.info("finished: %s", paths.evaluation)


def _score_production(records: Records, config: TrainConfig) -> Score | None:
    if not config.production_model:
        return None
    production = ExportedModel(mounted_path(config.production_model), field="--production-model")
    return score_export(production, records, batch_size=config.eval_batch_size)[0]


def _parity(model: keras.Model, export: ExportedModel, records: Records, config: TrainConfig) -> float:
    """The largest difference of a probability between the export and the model in memory."""
    files = [example.image for example in itertools.islice(validation_examples(records), _PARITY_IMAGES)]
    images = tf.stack([centered(tf.constant(file), image_size=config.image_size) for file in files])
    expected = tf.nn.softmax(model(images, training=False)).numpy()
    return float(np.nan_to_num(np.abs(expected - export.predict(files).probabilities), nan=1.0).max())


def _shown(records: Records, predictions: Predictions) -> Iterator[PredictedImage]:
    """Some validation records, evenly spread over all."""
    stride = -(-records.validation.records // _SHOWN_IMAGES)
    for index, example in enumerate(validation_examples(records)):
        if index % stride == 0:
            predicted = int(predictions.classes[index])
            yield PredictedImage(
                image=example.image,
                label=records.labels[example.label],
                predicted=records.labels[predicted],
                probability=float(predictions.probabilities[index, predicted]),
            )
