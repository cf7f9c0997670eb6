"""Report of a finished job: its paths, its evaluation, and the metrics of a tuning trial."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypertune

from contract.artifacts import (
    Evaluation,
    ExportReport,
    GoldenRequest,
    SplitEvaluation,
    TrainingReport,
)
from contract.naming import mounted_path
from trainer.config import TrainConfig
from trainer.errors import InputError
from trainer.evaluation import EvaluationResult
from trainer.export import ExportedModel
from trainer.records import Records


@dataclass(frozen=True, kw_only=True)
class JobPaths:
    """Files and folders of a job.

    Vertex AI names three of them in the environment:
    https://cloud.google.com/vertex-ai/docs/training/code-requirements#environment-variables

    Attributes:
        job: folder of everything that the job writes.
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
        """Return the paths of a job directory, unless the environment names others.

        Trials of a tuning job share a job directory; each has a folder of its own in it, as on Vertex AI.
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
        """Evaluation of the model; written last of all: the success marker of a job."""
        return self.job / Evaluation.FILENAME

    @property
    def golden(self) -> Path:
        """Golden requests."""
        return self.job / GoldenRequest.FILENAME


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all. NaN is refused: it is no JSON."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def is_finished(path: Path, config: TrainConfig) -> bool:
    """Return True if the evaluation of a job with the same parameters is there."""
    return (
        path.is_file() and Evaluation.from_text(path.read_text()).training.parameters == config.parameters()
    )


def create_evaluation(
    config: TrainConfig,
    records: Records,
    *,
    validation: EvaluationResult,
    test: EvaluationResult | None,
    export: ExportedModel,
    parity: float,
    training: TrainingReport,
) -> Evaluation:
    """Return the evaluation of a job.

    Args:
        config: of the job.
        records: of the dataset.
        validation: result that the gate decides by.
        test: result that is only reported, if the dataset has a test split.
        export: read from disk.
        parity: largest difference of an output between the export and the model in memory.
        training: of the model.
    """
    return Evaluation(
        dataset=records.contract.name,
        data_dir=config.data_dir,
        labels=records.labels,
        test=None
        if test is None
        else SplitEvaluation(examples=test.examples, metrics=test.model.metrics, baseline=test.baseline),
        export=ExportReport(
            signature=export.signature(),
            bytes=export.bytes(),
            parity_max_abs_difference=parity,
            finite=validation.model.finite,
        ),
        training=training,
        **validation.fields,
    )


def check_trial_file(environment: Mapping[str, str]) -> None:
    """Refuse to train a trial whose metrics could not be reported; do nothing in any other job.

    The service's folder, /var/hypertune, belongs to root:
    https://github.com/GoogleCloudPlatform/cloudml-hypertune/issues/6

    Raises:
        InputError: the file can't be written.
    """
    if "CLOUD_ML_TRIAL_ID" not in environment:
        return
    path = Path(hypertune.HyperTune().metric_path)
    try:
        path.open("a").close()
    except OSError as error:
        raise InputError(
            "CLOUD_ML_HP_METRIC_FILE",
            expected="a file that this user may write",
            received=f"{path} ({error})",
        ) from error


def report_trial(metrics: Mapping[str, float], *, step: int) -> None:
    """Report the metrics of a hyperparameter tuning trial; do nothing in any other job.

    https://cloud.google.com/vertex-ai/docs/training/code-requirements#hp-tuning-metric

    Args:
        metrics: of the validation split, each reported under its own name.
        step: of the model.
    """
    if "CLOUD_ML_TRIAL_ID" not in os.environ:
        return
    reporter = hypertune.HyperTune()
    for name, value in metrics.items():
        reporter.report_hyperparameter_tuning_metric(name, value, global_step=step)
