"""What a finished job says of itself: `evaluation.json` and `golden.jsonl`."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config import TrainConfig
from trainer.evaluate import Example, Score
from trainer.export import CLASSES, INPUT, PROBABILITIES, ExportedModel, Predictions
from trainer.records import Records

GOLDEN_LINES = 8


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
    model: Score,
    baseline: Score,
    production: Score | None,
    export: ExportedModel,
    parity: float,
    training: TrainingFacts,
) -> dict[str, Any]:
    """The report as plain JSON values.

    Args:
        config: of the job.
        records: of the dataset.
        model: score of the export.
        baseline: score of the constant answer.
        production: score of the version in production, if there is one.
        export: read from disk.
        parity: the largest difference between a probability of the export and of the model in memory.
        training: how it went.
    """
    return {
        "dataset": records.contract.name,
        "data_dir": config.data_dir,
        "examples": records.validation.records,
        "labels": list(records.labels),
        "metrics": model.metrics(),
        "trivial_baseline": {"kind": "majority_class", "metrics": baseline.metrics()},
        "production": None
        if production is None
        else {
            "version": config.production_version,
            "model": config.production_model,
            "metrics": production.metrics(),
        },
        "confusion_matrix": model.confusion_matrix.tolist(),
        "export": {
            "signature": export.signature(),
            "bytes": export.bytes(),
            "parity_max_abs_difference": parity,
            "finite": model.finite,
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


def choose_golden(examples: Iterable[Example], *, classes: int) -> list[Example]:
    """A few records, of every class in turn."""
    per_class = -(-GOLDEN_LINES // classes)
    found: list[list[Example]] = [[] for _ in range(classes)]
    for example in examples:
        if len(found[example.label]) < per_class:
            found[example.label].append(example)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*found))
    return [example for example in turns if example is not None][:GOLDEN_LINES]


def golden_lines(examples: Sequence[Example], predictions: Predictions) -> str:
    """Requests and the answers that the export gave, one JSON object a line."""
    lines = []
    answers = zip(predictions.classes, predictions.probabilities, strict=True)
    for example, (label, probabilities) in zip(examples, answers, strict=True):
        line = {
            "instance": {INPUT: {"b64": base64.b64encode(example.image).decode()}},
            "prediction": {CLASSES: int(label), PROBABILITIES: [float(p) for p in probabilities]},
            "label": example.label,
            "filename": example.filename,
        }
        lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"
