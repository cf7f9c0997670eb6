"""Where a job leaves what it makes: the layout of Vertex AI, by hand as in the cloud."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.mount import mounted_path


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
