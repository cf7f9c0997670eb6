"""Evaluation of a model on a split, beside the constant baseline and the version in production."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from contract.artifacts import Baseline, ProductionEvaluation
from contract.estimates import Estimate, SliceEvaluation
from contract.naming import mounted_path
from trainer.bootstrap import bootstrap
from trainer.errors import InputError
from trainer.evaluators import Evaluator, Score
from trainer.export import ExportedModel
from trainer.records import Records, Split
from trainer.slices import evaluate_slices, slice_columns

_BASELINE, _PRODUCTION = "baseline", "production"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ProductionModel:
    """The version in production.

    Attributes:
        model: folder or `gs://` URI of its SavedModel.
        version: its id.
    """

    model: str
    version: str


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """Scores on one split of a dataset.

    Attributes:
        examples: number of records.
        model: score of the export.
        standard_errors: of its metrics; empty on a split that is only reported.
        baseline: the constant baseline.
        production: the version in production, if it was evaluated.
        slices: the model on each slice.
    """

    examples: int
    model: Score
    standard_errors: Mapping[str, float]
    baseline: Baseline
    production: ProductionEvaluation | None = None
    slices: tuple[SliceEvaluation, ...] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """Fields of `contract.artifacts.Evaluation`."""
        return {
            "examples": self.examples,
            "metrics": self.model.metrics,
            "standard_errors": self.standard_errors,
            "baseline": self.baseline,
            "production": self.production,
            "slices": self.slices,
            **self.model.details,
        }


def evaluate_split(
    export: ExportedModel, evaluator: Evaluator, records: Records, split: Split, *, batch_size: int
) -> EvaluationResult:
    """Evaluate a model and the constant baseline on a split that is only reported."""
    predictions = export.predict_split(records, split, batch_size=batch_size)
    model, baseline = evaluator.evaluate(predictions), evaluator.baseline(split, predictions.targets)
    return EvaluationResult(
        examples=split.records,
        model=model,
        standard_errors={},
        baseline=Baseline(kind=evaluator.baseline_kind, metrics=baseline.metrics),
    )


def compare(
    export: ExportedModel,
    evaluator: Evaluator,
    records: Records,
    split: Split,
    *,
    batch_size: int,
    production: ProductionModel | None,
    slices: Sequence[str] = (),
) -> EvaluationResult:
    """Evaluate a model, the constant baseline and production on the same records, paired, with their errors.

    Raises:
        InputError: there is no such feature to slice by.
    """
    columns = slice_columns(records, slices)
    predictions = export.predict_split(records, split, batch_size=batch_size, columns=columns)
    model, baseline = evaluator.evaluate(predictions), evaluator.baseline(split, predictions.targets)
    served = None
    if production is not None:
        served = _evaluate_production(production, evaluator, records, split, batch_size)
    others = {_BASELINE: baseline.sample} | ({_PRODUCTION: served.sample} if served else {})
    result = bootstrap(model.sample, others)
    log.info("%s, model: %s", split.name, _sentence(result.metrics))
    log.info("%s, %s: %s", split.name, evaluator.baseline_kind.replace("_", " "), baseline)
    if served is not None:
        log.info("%s, production: %s", split.name, served)
        log.info("%s, model minus production: %s", split.name, _sentence(result.differences[_PRODUCTION]))
    compared = None
    if production is not None and served is not None:
        compared = ProductionEvaluation(
            version=production.version,
            model=production.model,
            metrics=served.metrics,
            difference=result.differences[_PRODUCTION],
        )
    return EvaluationResult(
        examples=split.records,
        model=model,
        standard_errors={name: found.standard_error for name, found in result.metrics.items()},
        baseline=Baseline(
            kind=evaluator.baseline_kind, metrics=baseline.metrics, difference=result.differences[_BASELINE]
        ),
        production=compared,
        slices=evaluate_slices(records, slices, predictions, model, served),
    )


def _evaluate_production(
    production: ProductionModel, evaluator: Evaluator, records: Records, split: Split, batch_size: int
) -> Score | None:
    """Evaluate the version in production on the same records; None if it can't be compared.

    A training is not lost because of it: what follows is up to the gate.
    """
    place, inputs = mounted_path(production.model), records.contract.model_inputs
    try:
        export = ExportedModel(place, inputs=inputs, field="--production-model")
        return evaluator.evaluate(export.predict_split(records, split, batch_size=batch_size))
    except (InputError, OSError, tf.errors.OpError) as error:
        log.warning("not compared with production: %s", error)
        return None


def _sentence(estimates: Mapping[str, Estimate]) -> str:
    texts = []
    for name, estimate in estimates.items():
        low, high = estimate.interval()
        texts.append(f"{name} {estimate.value:.4f} ({low:.4f} to {high:.4f})")
    return ", ".join(texts)
