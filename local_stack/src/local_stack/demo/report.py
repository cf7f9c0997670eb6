"""What a demo came to: printed for people, and `demo.json` for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from local_stack.airflow_client import TaskInstance
from local_stack.console import console
from local_stack.demo.prediction import Answer, GoldenImage
from local_stack.demo.source import Source
from local_stack.home import Home


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One answer of the production endpoint about an image that no model was trained on.

    Attributes:
        endpoint: its id.
        image: the image's path in the raw data.
        label: its true label.
        predicted: the label that production answered with.
        probability: of that label.
        model: the resource name of the model that answered.
        version: its version.
        saved_as: where the image lies now.
    """

    endpoint: str
    image: str
    label: str
    predicted: str
    probability: float
    model: str
    version: str
    saved_as: str

    @classmethod
    def of(cls, endpoint: str, image: GoldenImage, answer: Answer, home: Home) -> Prediction:
        """The answer about an image, which is saved beside the report."""
        home.demo_image.write_bytes(image.jpeg)
        return cls(
            endpoint=endpoint,
            image=image.filename,
            label=image.label,
            predicted=answer.label,
            probability=answer.probability,
            model=answer.model,
            version=answer.version,
            saved_as=str(home.demo_image),
        )


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `demo.json` holds.

    Attributes:
        dag_id: the DAG.
        run_id: the run.
        state: the run's, `success` or `failed`.
        promoted: whether the new version is in production.
        reasons: the gate's sentences; empty if the run didn't get there.
        source: the raw data, and whether it is rendered.
        seconds: from the request to the end of the run.
        tasks: state, seconds, tries and note of each task, in order.
        model: the resource name of the model; `None` if no version was made.
        version: the version that this run made.
        metrics: of that version, on records that no model was trained on.
        baseline: the metrics of a constant answer on the same records.
        prediction: what production answered; `None` if it was not asked.
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
    metrics: Mapping[str, float] | None = None
    baseline: Mapping[str, float] | None = None
    prediction: Prediction | None = None

    @property
    def good(self) -> bool:
        """Whether the run ended well and, where it promoted, production answered with the new version."""
        if self.state != "success":
            return False
        return not self.promoted or (self.prediction is not None and self.prediction.version == self.version)

    def write(self, home: Home) -> None:
        """Write `demo.json`."""
        home.demo_report.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def show(self, home: Home) -> None:
        """Print it."""
        for line in self._lines():
            console.print(line, markup=False, soft_wrap=True)
        console.print(f"report: {os.path.relpath(home.demo_report)}", soft_wrap=True)

    def _lines(self) -> list[str]:
        pictures = "rendered pictures" if self.source.rendered else "pictures"
        lines = [f"{self.run_id}: {self.state} after {self.seconds:.0f} s"]
        if self.version is not None:
            words = "in production" if self.promoted else "not promoted"
            lines.append(f"{self.model} version {self.version}: {words}")
        lines += [f"  {reason}" for reason in self.reasons]
        if self.metrics is not None:
            lines.append(
                f"on {pictures} never trained on: {_numbers(self.metrics)}"
                f" (a constant answer: {_numbers(self.baseline or {})})"
            )
        if self.prediction is not None:
            asked = self.prediction
            right = "right" if asked.predicted == asked.label else f"wrong, it is {asked.label}"
            lines.append(
                f"endpoint {asked.endpoint}, version {asked.version}, sees {asked.predicted} "
                f"({asked.probability:.0%}) in {asked.image}: {right}"
            )
            lines.append(f"  the image, one of the {pictures} kept for validation: {asked.saved_as}")
        return lines


def task_seconds(tasks: Sequence[TaskInstance], notes: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """State, seconds, tries and note of each task."""
    return {
        task.task_id: {
            "state": task.state,
            "seconds": round((task.end - task.start).total_seconds(), 2) if task.start and task.end else None,
            "tries": task.try_number,
            "note": notes.get(task.task_id, ""),
        }
        for task in tasks
    }


def _numbers(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in sorted(metrics.items())) or "unknown"
