"""How good a model is, as its training said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import StackError

_EVALUATION = "evaluation.json"


@dataclass(frozen=True, kw_only=True)
class TestScore:
    """How good a model is on the side that is only reported on.

    Attributes:
        files: the patterns of the raw files that it comes from.
        examples: how many records there are.
        metrics: the model's.
    """

    files: Sequence[str]
    examples: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is shown of an `evaluation.json` and of the contract of its records.

    Attributes:
        metrics: on records that no model was trained on.
        baseline: a constant answer's, on the same records.
        labels: the names of the classes, in order; empty where there are none.
        label_name: what the model predicts; empty where the contract isn't there any more.
        test: on the side that is only reported on; `None` if the dataset has none.
    """

    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    labels: Sequence[str]
    label_name: str = ""
    test: TestScore | None = None

    @classmethod
    def read(cls, job: Path, buckets: Path) -> Evaluation | None:
        """The evaluation in a job's folder; `None` if the job has not finished.

        Args:
            job: where the training left its results.
            buckets: where gs:// URIs are plain folders.

        Raises:
            StackError: it lacks what every training writes.
        """
        document = read_json(job / _EVALUATION)
        if not document:
            return None
        records = str(document.get("data_dir", ""))
        folder = buckets / records.removeprefix("gs://") if records.startswith("gs://") else Path(records)
        contract = read_json(folder / "features.json").get("contract", {})
        features = contract.get("features", ())
        test = document.get("test")
        try:
            return cls(
                metrics=document["metrics"],
                baseline=document["trivial_baseline"]["metrics"],
                labels=document["labels"],
                label_name=next((item["name"] for item in features if item["role"] == "label"), ""),
                test=test
                and TestScore(
                    files=contract.get("split", {}).get("test_files", ()),
                    examples=test["examples"],
                    metrics=test["metrics"],
                ),
            )
        except KeyError as error:
            raise StackError(f"{job / _EVALUATION}: expected {error}, received {sorted(document)}") from error

    def lines(self, *, made: bool) -> list[str]:
        """For people.

        Args:
            made: whether the data is made up.
        """
        records = "made-up records" if made else "records"
        constant = figures(self.baseline)
        lines = [f"on {records} never trained on: {figures(self.metrics)} (a constant answer: {constant})"]
        if self.test is not None:
            files = ", ".join(self.test.files) or "the test side"
            lines.append(
                f"on {files}, {self.test.examples:,} {records} never used for choosing: "
                f"{figures(self.test.metrics)}"
            )
        return lines


def figures(metrics: Mapping[str, float]) -> str:
    """Metrics by name, in few digits."""
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(metrics.items())) or "unknown"


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file."""
    return json.loads(file.read_text()) if file.is_file() else {}
