"""The end of a job: export, evaluation of what was exported, and the report."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from contract.mount import mounted_path
from trainer.config import TrainConfig
from trainer.evaluate import ask, ask_about, first_examples, spread_examples
from trainer.export import ExportedModel, save_model
from trainer.golden import choose_golden, golden_lines
from trainer.images.learner import PictureLearner
from trainer.job import JobPaths, write_json, write_text
from trainer.learner import Learner
from trainer.models import ModelFamily
from trainer.records import IMAGE_INPUT, Records, Split, instance_features
from trainer.report import Judgement, TrainingFacts, evaluation
from trainer.scores.score import Scorer
from trainer.tensorboard import Summaries
from trainer.trial import report_trial

_PARITY_EXAMPLES = 64
_SHOWN_EXAMPLES = 16

log = logging.getLogger(__name__)


def conclude(
    learner: Learner,
    family: ModelFamily,
    records: Records,
    config: TrainConfig,
    *,
    paths: JobPaths,
    training: TrainingFacts,
) -> None:
    """Export a trained model, judge the export as read back from disk, and write the report.

    Args:
        learner: trained; its weights are float32 whatever it computes in.
        family: how to build it.
        records: of the dataset.
        config: of the job.
        paths: of the job.
        training: how it went.

    Raises:
        InputError: the production model can't be read or compared.
    """
    # Exports compute in float32: they are served on processors without bfloat16.
    exact = family.create(config, records, "float32")
    exact.network.set_weights(learner.network.get_weights())
    save_model(exact, paths.model)
    inputs = instance_features(records.contract)
    export = ExportedModel(paths.model, inputs=inputs)
    log.info("exported %s, %.1f MB", paths.model, export.bytes() / 1e6)

    scorer = family.scorer(config, records)
    exports = [export]
    if config.production_model:
        place = mounted_path(config.production_model)
        exports.append(ExportedModel(place, inputs=inputs, field="--production-model"))
    validation = _judge(exports, scorer, records, records.validation, config)
    test = None if records.test is None else _judge([export], scorer, records, records.test, config)

    summaries = Summaries(paths.logs)
    for side, judged in (("validation", validation), ("test", test)):
        if judged is not None:
            metrics = judged.model.metrics
            summaries.scalars(training.steps, {f"{side}/{name}": value for name, value in metrics.items()})
    _show(exact, export, records, summaries, step=training.steps)
    golden = choose_golden(records, records.validation)
    write_text(paths.golden, golden_lines(golden, export.predict(golden.inputs)))
    report = evaluation(
        config,
        records,
        validation=validation,
        test=test,
        baseline_kind=scorer.baseline_kind,
        export=export,
        parity=_parity(exact, export, records),
        training=training,
    )
    report_trial(validation.model.metrics, step=training.steps)
    write_json(paths.evaluation, report)
    log.info("finished: %s", paths.evaluation)


def _judge(
    exports: Sequence[ExportedModel], scorer: Scorer, records: Records, split: Split, config: TrainConfig
) -> Judgement:
    """Score the model, the constant answer and, as the second export, production on the same records."""
    answers = [ask(export, records, split, batch_size=config.eval_batch_size) for export in exports]
    scores = [scorer.score(answer) for answer in answers]
    baseline = scorer.baseline(split, answers[0].targets)
    for name, score in zip(("model", "production"), scores, strict=False):
        log.info("%s, %s: %s", split.name, name, score)
    log.info("%s, %s: %s", split.name, scorer.baseline_kind.replace("_", " "), baseline)
    return Judgement(
        examples=split.records,
        model=scores[0],
        baseline=baseline,
        production=scores[1] if len(scores) > 1 else None,
    )


def _parity(learner: Learner, export: ExportedModel, records: Records) -> float:
    """The largest difference of a number between the export and the model in memory."""
    some = first_examples(records, records.validation, _PARITY_EXAMPLES)
    expected = learner.serve({name: tf.constant(values) for name, values in some.inputs.items()})
    found = export.predict(some.inputs)
    return max(
        float(np.nan_to_num(np.abs(expected[name].numpy() - values), nan=1.0).max())
        for name, values in found.items()
        if values.dtype.kind == "f"
    )


def _show(
    learner: Learner, export: ExportedModel, records: Records, summaries: Summaries, *, step: int
) -> None:
    """Pictures for TensorBoard, where the records are pictures."""
    if isinstance(learner, PictureLearner):
        some = spread_examples(records, records.validation, _SHOWN_EXAMPLES)
        files = some.inputs[IMAGE_INPUT].tolist()
        summaries.pictures(step, learner.pictures(files, ask_about(export, some)))
