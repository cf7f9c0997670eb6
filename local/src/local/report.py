"""Report of a demo: printed for people, and `demo.json` for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from contract.artifacts import GoldenRequest
from contract.predictions import RenderedPrediction, render
from local.airflow_client import TaskInstance
from local.console import console
from local.paths import StackPaths
from local.results import EvaluationSummary, describe_prediction, describe_request, image_suffix
from local.sources import Source


@dataclass(frozen=True, kw_only=True)
class ServedPrediction:
    """A response of the production endpoint to one golden request.

    Attributes:
        endpoint: its id.
        request: an image's path in the raw data, or a row as JSON.
        prediction: the prediction.
        model: resource name of the model that responded.
        version: its version.
        image_file: a copy of the image; `None` for a row.
    """

    endpoint: str
    request: str
    prediction: RenderedPrediction
    model: str
    version: str
    image_file: str | None

    @classmethod
    def of(
        cls,
        endpoint: str,
        request: GoldenRequest,
        response: Mapping[str, Any],
        labels: Sequence[str],
        paths: StackPaths,
    ) -> ServedPrediction:
        """Return the response to a request, whose image, if it has one, is saved beside the report."""
        return cls(
            endpoint=endpoint,
            request=describe_request(request),
            prediction=render(response["predictions"][0], labels=labels, label=request.label),
            model=response["model"],
            version=str(response["modelVersionId"]),
            image_file=_save(request.image, paths.demo_image),
        )

    def lines(self, label_name: str) -> list[str]:
        """Return the prediction for people.

        Args:
            label_name: the quantity or class that the model predicts; may be empty.
        """
        text = describe_prediction(self.prediction, label_name if self.image_file is None else "")
        lines = [f"endpoint {self.endpoint}, version {self.version}, answers {text}", f"  {self.request}"]
        if self.image_file is not None:
            lines.append(f"  the image, never trained on: {os.path.relpath(self.image_file)}")
        return lines


@dataclass(frozen=True, kw_only=True)
class Report:
    """Content of `demo.json`.

    Attributes:
        dag_id: the DAG.
        run_id: the run.
        state: the run's, `success` or `failed`.
        promoted: True if the new version is in production.
        reasons: sentences of the gate; empty if the run didn't get there.
        source: the raw data.
        seconds: from the request to the end of the run.
        tasks: state, seconds, tries and note of each task, in order.
        model: resource name of the model; `None` if no version was made.
        version: the version that this run made.
        evaluation: of that version; `None` if the run didn't train one.
        prediction: of production; `None` unless the run promoted.
    """

    dag_id: str
    run_id: str
    state: str
    promoted: bool
    reasons: Sequence[str]
    source: Source
    seconds: float
    tasks: Mapping[str, Mapping[str, Any]]
    model: str | None = None
    version: str | None = None
    evaluation: EvaluationSummary | None = None
    prediction: ServedPrediction | None = None

    @property
    def succeeded(self) -> bool:
        """True if the run succeeded and, where it promoted, production served the new version."""
        if self.state != "success":
            return False
        return not self.promoted or (self.prediction is not None and self.prediction.version == self.version)

    def write(self, paths: StackPaths) -> None:
        """Write `demo.json`, in which the evaluation's fields are at the top level."""
        document = asdict(self)
        evaluation = document.pop("evaluation") or dict.fromkeys(
            field.name for field in fields(EvaluationSummary)
        )
        paths.demo_report.write_text(json.dumps({**document, **evaluation}, indent=2) + "\n")

    def print(self, paths: StackPaths) -> None:
        """Print the report and the path of its file."""
        for line in self._lines():
            console.print(line, markup=False, soft_wrap=True)
        console.print(f"report: {os.path.relpath(paths.demo_report)}", soft_wrap=True)

    def _lines(self) -> list[str]:
        lines = [f"{self.run_id}: {self.state} after {self.seconds:.0f} s"]
        if self.version is not None:
            state = "in production" if self.promoted else "not promoted"
            lines.append(f"{self.model} version {self.version}: {state}")
        lines += [f"  {reason}" for reason in self.reasons]
        if self.evaluation is not None:
            lines += self.evaluation.lines(synthetic=self.source.synthetic)
        if self.prediction is not None:
            lines += self.prediction.lines(self.evaluation.label_name if self.evaluation else "")
        return lines


def task_summaries(tasks: Sequence[TaskInstance], notes: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return state, seconds, tries and note of each task."""
    return {
        task.task_id: {
            "state": task.state,
            "seconds": round((task.end - task.start).total_seconds(), 2) if task.start and task.end else None,
            "tries": task.try_number,
            "note": notes.get(task.task_id, ""),
        }
        for task in tasks
    }


def _save(image: bytes | None, stem: Path) -> str | None:
    for outdated in stem.parent.glob(f"{stem.name}.*"):
        outdated.unlink()
    if image is None:
        return None
    file = stem.with_suffix(image_suffix(image))
    file.write_bytes(image)
    return str(file)
