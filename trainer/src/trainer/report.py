"""Report of a finished job: its paths, `evaluation.json`, and the metrics of a tuning trial."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypertune

from contract.mount import mounted_path
from trainer.config import TrainConfig
from trainer.evaluators import Score
from trainer.export import ExportedModel
from trainer.records import Records


@dataclass(frozen=True, kw_only=True)
class JobPaths:
    """The files and folders of a job.

    Vertex AI names three of them in the environment:
    https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables

    Attributes:
        job: everything below here belongs to the job.
        model: the SavedModel.
        checkpoints: of the training.
        logs: for TensorBoard.
    """

    job: Path
    model: Path
    checkpoints: Path
    logs: Path

    @classmethod
    def of(cls, job_dir: str, environment: Mapping[str, str]) -> JobPaths:
        """The paths of a job directory, unless the environment names others.

        Trials of a tuning share a job directory; each has a folder of its own in it, as Vertex AI gives them.
        """
        base = mounted_path(job_dir) / environment.get("CLOUD_ML_TRIAL_ID", "")

        def place(variable: str, name: str) -> Path:
            value = environment.get(variable, "")
            return mounted_path(value) if value else base / name

        return cls(
            job=base,
            model=place("AIP_MODEL_DIR", "model"),
            checkpoints=place("AIP_CHECKPOINT_DIR", "checkpoints"),
            logs=place("AIP_TENSORBOARD_LOG_DIR", "logs"),
        )

    @property
    def evaluation(self) -> Path:
        """The report on the model; written last of all, so that its presence means a finished job."""
        return self.job / "evaluation.json"

    @property
    def golden(self) -> Path:
        """Requests and the answers that the export gave."""
        return self.job / "golden.jsonl"


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all. NaN is refused: it is no JSON."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


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
class EvaluationResult:
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
    validation: EvaluationResult,
    test: EvaluationResult | None,
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


def report_trial(metrics: Mapping[str, float], *, step: int) -> None:
    """Tell the service how good this trial is; elsewhere, nothing.

    https://cloud.google.com/vertex-ai/docs/training/code-requirements#hp-tuning-metric

    Args:
        metrics: of the validation side, each reported under its own name.
        step: at which the model is.
    """
    if "CLOUD_ML_TRIAL_ID" not in os.environ:
        return
    reporter = hypertune.HyperTune()
    for name, value in metrics.items():
        reporter.report_hyperparameter_tuning_metric(name, value, global_step=step)
