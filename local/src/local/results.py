"""Evaluation and predictions of a trained model, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract import FEATURES_FILENAME, ContractError, DataContract
from contract.artifacts import Evaluation, GoldenRequest
from contract.naming import SCHEME, split_uri
from contract.predictions import RenderedPrediction
from local import StackError

_PNG = b"\x89PNG"


@dataclass(frozen=True, kw_only=True)
class TestSummary:
    """Evaluation on the test split.

    Attributes:
        files: patterns of the raw files that it comes from.
        examples: number of records.
        metrics: the model's.
    """

    files: Sequence[str]
    examples: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class EvaluationSummary:
    """The part of an evaluation that is shown at the terminal.

    Attributes:
        metrics: on the validation records, which no model was trained on.
        baseline: the constant baseline's on the same records.
        labels: names of the classes, in order; empty for a regression.
        label_name: name of the label; empty if the records' contract is gone.
        test: on the test split; `None` if the dataset has none.
    """

    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    labels: Sequence[str]
    label_name: str = ""
    test: TestSummary | None = None

    @classmethod
    def read(cls, job: Path, buckets: Path) -> EvaluationSummary | None:
        """Return the evaluation in a job's folder; `None` if the job has not finished.

        Args:
            job: the folder.
            buckets: parent folder of the buckets.

        Raises:
            StackError: it lacks a field that every training writes.
        """
        file = job / Evaluation.FILENAME
        if not file.is_file():
            return None
        try:
            evaluation = Evaluation.from_text(file.read_text())
            contract = _records_contract(evaluation, buckets)
        except ContractError as error:
            raise StackError(f"{job}: {error}") from error
        test = evaluation.test
        return cls(
            metrics=evaluation.metrics,
            baseline=evaluation.baseline.metrics,
            labels=evaluation.labels,
            label_name=contract.label.name if contract else "",
            test=TestSummary(
                files=contract.split.test_files if contract else (),
                examples=test.examples,
                metrics=test.metrics,
            )
            if test
            else None,
        )

    def lines(self, *, synthetic: bool) -> list[str]:
        """Return the evaluation for people.

        Args:
            synthetic: True if the data is generated.
        """
        records = "synthetic records" if synthetic else "records"
        baseline = format_metrics(self.baseline)
        lines = [
            f"on {records} never trained on: {format_metrics(self.metrics)} (constant baseline: {baseline})"
        ]
        if self.test is not None:
            files = ", ".join(self.test.files) or "the test split"
            lines.append(
                f"on {files}, {self.test.examples:,} {records} never used for model selection: "
                f"{format_metrics(self.test.metrics)}"
            )
        return lines


def format_metrics(metrics: Mapping[str, float]) -> str:
    """Return metrics by name, with four digits."""
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(metrics.items())) or "unknown"


def describe_request(request: GoldenRequest) -> str:
    """Return a request for people: an image's path in the raw data, or the row as JSON."""
    return json.dumps(request.instance) if request.image is None else request.filename


def describe_prediction(prediction: RenderedPrediction, name: str = "") -> str:
    """Return a prediction and its comparison with the label.

    Args:
        prediction: the prediction.
        name: what is predicted; may be empty.
    """
    text = f"{name} {prediction}" if name else str(prediction)
    if prediction.correct:
        return f"{text}: right"
    if not prediction.label:
        return text
    return f"{text}: {'it is' if prediction.correct is None else 'wrong, it is'} {prediction.label}"


def image_suffix(image: bytes) -> str:
    """Return the file name suffix of an encoded image."""
    return ".png" if image.startswith(_PNG) else ".jpg"


def _records_contract(evaluation: Evaluation, buckets: Path) -> DataContract | None:
    records = evaluation.data_dir.partition(",")[0]
    folder = Path(buckets, *split_uri(records)) if records.startswith(SCHEME) else Path(records)
    file = folder / FEATURES_FILENAME
    return DataContract.from_features_json(file.read_text()) if records and file.is_file() else None
