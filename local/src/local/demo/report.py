"""What a demo came to: printed for people, and `demo.json` for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from local.airflow_client import TaskInstance
from local.console import console
from local.demo.prediction import Prediction
from local.evaluation import Evaluation
from local.home import Home
from local.source import Source


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `demo.json` holds.

    Attributes:
        dag_id: the DAG.
        run_id: the run.
        state: the run's, `success` or `failed`.
        promoted: whether the new version is in production.
        reasons: the gate's sentences; empty if the run didn't get there.
        source: the raw data, and whether it is made up.
        seconds: from the request to the end of the run.
        tasks: state, seconds, tries and note of each task, in order.
        model: the resource name of the model; `None` if no version was made.
        version: the version that this run made.
        evaluation: how good that version is; `None` if the run didn't train one.
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
    evaluation: Evaluation | None = None
    prediction: Prediction | None = None

    @property
    def good(self) -> bool:
        """Whether the run ended well and, where it promoted, production answered with the new version."""
        if self.state != "success":
            return False
        return not self.promoted or (self.prediction is not None and self.prediction.version == self.version)

    def write(self, home: Home) -> None:
        """Write `demo.json`; the evaluation stands there without a name of its own."""
        document = asdict(self)
        evaluation = document.pop("evaluation") or dict.fromkeys(field.name for field in fields(Evaluation))
        home.demo_report.write_text(json.dumps({**document, **evaluation}, indent=2) + "\n")

    def show(self, home: Home) -> None:
        """Print it."""
        for line in self._lines():
            console.print(line, markup=False, soft_wrap=True)
        console.print(f"report: {os.path.relpath(home.demo_report)}", soft_wrap=True)

    def _lines(self) -> list[str]:
        lines = [f"{self.run_id}: {self.state} after {self.seconds:.0f} s"]
        if self.version is not None:
            words = "in production" if self.promoted else "not promoted"
            lines.append(f"{self.model} version {self.version}: {words}")
        lines += [f"  {reason}" for reason in self.reasons]
        if self.evaluation is not None:
            lines += self.evaluation.lines(made=self.source.made)
        if self.prediction is not None:
            lines += self.prediction.lines(self.evaluation.label_name if self.evaluation else "")
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
