"""What a finished job says of itself: `evaluation.json` and `golden.jsonl`."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.config import TrainConfig
from trainer.evaluate import Examples
from trainer.export import ExportedModel
from trainer.records import IMAGE_INPUT, Records
from trainer.scores.score import Score

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


def choose_golden(some: Examples, *, classes: int) -> Examples:
    """A few records; of every class in turn, where there are classes."""
    if not classes:
        return some.take(list(range(min(GOLDEN_LINES, len(some)))))
    places = [np.flatnonzero(some.targets == label)[:GOLDEN_LINES].tolist() for label in range(classes)]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*places))
    return some.take([place for place in turns if place is not None][:GOLDEN_LINES])


def golden_lines(some: Examples, outputs: Mapping[str, NDArray[Any]]) -> str:
    """Requests and the answers that the export gave, one JSON object a line, as a server of it answers."""
    lines = []
    for index, prediction in enumerate(predictions(outputs)):
        instance = {
            name: _json_input(values[index], binary=name == IMAGE_INPUT)
            for name, values in some.inputs.items()
        }
        line = {"instance": instance, "prediction": prediction, "label": _json(some.targets[index])}
        if some.names:
            line["filename"] = some.names[index]
        lines.append(json.dumps(line))
    return "\n".join(lines) + "\n"


def predictions(outputs: Mapping[str, NDArray[Any]]) -> list[Any]:
    """One plain JSON value for each instance: its outputs by name; a single output stands without its name.

    https://www.tensorflow.org/tfx/serving/api_rest#response_format_4
    """
    columns = {name: [_json(value) for value in values] for name, values in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _json_input(value: Any, *, binary: bool) -> Any:
    return {"b64": base64.b64encode(value).decode()} if binary else _json(value)


def _json(value: Any) -> Any:
    """A numpy value, or bytes that are text, as a plain JSON value."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.float32):
        # The shortest text that means the same: 0.8, not 0.800000011920929.
        return float(str(value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return [_json(item) for item in value.tolist()]
    return value.tolist() if hasattr(value, "tolist") else value
