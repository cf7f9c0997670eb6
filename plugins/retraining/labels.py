"""Who a cloud resource belongs to: a pure function of dag, run, task and spec, carried as labels.

A step looks for its labels before it makes anything, so that a retry finds what an earlier try made.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retraining.context import Run

DATASET = "perennial_dataset"
RUN = "perennial_run"
TASK = "perennial_task"
INPUTS = "perennial_inputs"
SNAPSHOT = "perennial_snapshot"
DATA_UNTIL = "perennial_data_until"
CODE = "perennial_code"
METRIC = "perennial_metric"
RECIPE = "perennial_recipe"

_TIME = "%Y%m%dt%H%M%Sz"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The identity of one resource.

    Attributes:
        dataset: the dataset's name.
        run: the run's slug.
        task: the id of the task that makes it.
        inputs: a digest of what it is made from: other inputs make another resource.
    """

    dataset: str
    run: str
    task: str
    inputs: str

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the resource."""
        return {DATASET: self.dataset, RUN: self.run, TASK: self.task, INPUTS: self.inputs}

    @property
    def filter(self) -> str:
        """The list filter that finds it.

        https://cloud.google.com/vertex-ai/docs/reference/rest/Shared.Types/filter
        """
        return " AND ".join(f'labels.{key}="{value}"' for key, value in self.labels.items())

    def owns(self, labels: Mapping[str, str]) -> bool:
        """Whether a resource with these labels has this identity."""
        return all(labels.get(key) == value for key, value in self.labels.items())


def identify(dataset: str, run: Run, task: str, inputs: Mapping[str, Any]) -> Identity:
    """The identity of what a task of a run makes from its inputs."""
    return Identity(dataset=dataset, run=run.slug, task=task, inputs=digest(inputs))


def digest(value: Mapping[str, Any]) -> str:
    """12 hexadecimal digits that stand for JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def label_value(text: str) -> str:
    """Any text as a label's value: at most 63 characters of `[a-z0-9_-]`."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower())[-63:].strip("-")


def time_value(time: datetime) -> str:
    """A time as a label's value; such values sort as the times do."""
    return time.astimezone(UTC).strftime(_TIME)


def read_time(value: str) -> datetime | None:
    """The time that a label's value says; `None` where it says none."""
    try:
        return datetime.strptime(value, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def run_slug(dag_id: str, run_id: str) -> str:
    """Name a run in paths and labels: at most 49 characters of `[a-z0-9-]`, one for each run."""
    found = hashlib.sha256(f"{dag_id}\n{run_id}".encode()).hexdigest()[:8]
    readable = re.sub(r"[^a-z0-9]+", "-", run_id.lower()).strip("-")[:40].strip("-")
    return f"{readable}-{found}"
