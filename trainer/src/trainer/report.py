"""What a finished job says of itself: `evaluation.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config import TrainConfig
from trainer.export import ExportedModel
from trainer.records import Records
from trainer.scores.score import Score


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """How the training went.

    Attributes:
        steps: at which the model is.
        resumed_from_step: where this process took over, 0 for the beginning.
        seconds: this process trained.
        examples_per_second: in that time.
        precision: Keras dtype policy.
    """

    steps: int
    resumed_from_step: int
    seconds: float
    examples_per_second: float
    precision: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How good a model is on one side of a dataset.

    Attributes:
        examples: how many records were judged.
        model: score of the export.
        baseline: score of the constant answer.
        production: score of the version in production, if there is one.
    """

    examples: int
    model: Score
    baseline: Score
    production: Score | None = None


def is_finished(path: Path, config: TrainConfig) -> bool:
    """Whether this `evaluation.json` is there and is of a job with the same parameters."""
    if not path.is_file():
        return False
    report = json.loads(path.read_text())
    return bool(report["training"]["parameters"] == config.parameters())


def evaluation(
    config: TrainConfig,
    records: Records,
    *,
    validation: Judgement,
    test: Judgement | None,
    baseline_kind: str,
    export: ExportedModel,
    parity: float,
    training: TrainingFacts,
) -> dict[str, Any]:
    """The report as plain JSON values.

    Args:
        config: of the job.
        records: of the dataset.
        validation: what the gate judges by.
        test: what is only reported, if the dataset has such a side.
        baseline_kind: names the constant answer.
        export: read from disk.
        parity: the largest difference between a number of the export and of the model in memory.
        training: how it went.
    """
    return {
        "dataset": records.contract.name,
        "data_dir": config.data_dir,
        "examples": validation.examples,
        "labels": list(records.labels),
        "metrics": validation.model.metrics,
        "trivial_baseline": {"kind": baseline_kind, "metrics": validation.baseline.metrics},
        "production": None
        if validation.production is None
        else {
            "version": config.production_version,
            "model": config.production_model,
            "metrics": validation.production.metrics,
        },
        "test": None
        if test is None
        else {
            "examples": test.examples,
            "metrics": test.model.metrics,
            "trivial_baseline": {"kind": baseline_kind, "metrics": test.baseline.metrics},
        },
        **validation.model.details,
        "export": {
            "signature": export.signature(),
            "bytes": export.bytes(),
            "parity_max_abs_difference": parity,
            "finite": validation.model.finite,
        },
        "training": {
            "steps": training.steps,
            "resumed_from_step": training.resumed_from_step,
            "seconds": round(training.seconds, 3),
            "examples_per_second": round(training.examples_per_second, 3),
            "precision": training.precision,
            "parameters": config.parameters(),
        },
    }
