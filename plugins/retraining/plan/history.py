"""Durations of earlier runs, the only source of a plan's estimates."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

CONVERT, TRAIN = "convert_to_tfrecord", "train"
SERIALIZED_TASKS = ("smoke_predict", "promote")
"""Runs of a dataset share its candidate and its production endpoint, and take turns."""

RECENT = 10
"""Older runs had other data."""


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """An existing run.

    Attributes:
        run_id: the run.
        logical_date: of the interval; manual runs may have none.
        state: Airflow's state.
        tier: the tier that it trained on.
        converted: whether a Dataflow job of its own converted its data.
        seconds: duration of the last try of each task that succeeded.
    """

    run_id: str
    logical_date: datetime | None
    state: str
    tier: str
    converted: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DurationStats:
    """Medians of recent successful runs, in seconds.

    Attributes:
        train: the training, by tier.
        num_runs: number of runs that were counted, by tier.
        convert: a conversion by a Dataflow job; `None` if there was none.
        other_tasks: all other tasks together; `None` if there was no run.
        serialized_tasks: the tasks among these that no two runs execute at the same time.
    """

    train: Mapping[str, float]
    num_runs: Mapping[str, int]
    convert: float | None
    other_tasks: float | None
    serialized_tasks: float

    @classmethod
    def from_runs(cls, history: Iterable[PastRun]) -> DurationStats:
        """Compute the medians over the newest runs of each tier.

        Args:
            history: earlier runs, oldest first.
        """
        by_tier: dict[str, list[PastRun]] = {}
        for run in history:
            if run.state == "success" and TRAIN in run.seconds:
                by_tier.setdefault(run.tier, []).append(run)
        recent = {tier: runs[-RECENT:] for tier, runs in by_tier.items()}
        counted = [run for runs in recent.values() for run in runs]
        conversions = [run.seconds[CONVERT] for run in counted if run.converted and CONVERT in run.seconds]
        others = [
            sum(value for task, value in run.seconds.items() if task not in (CONVERT, TRAIN))
            for run in counted
        ]
        serialized = [sum(run.seconds.get(task, 0.0) for task in SERIALIZED_TASKS) for run in counted]
        return cls(
            train={
                tier: statistics.median(run.seconds[TRAIN] for run in runs) for tier, runs in recent.items()
            },
            num_runs={tier: len(runs) for tier, runs in recent.items()},
            convert=statistics.median(conversions) if conversions else None,
            other_tasks=statistics.median(others) if others else None,
            serialized_tasks=statistics.median(serialized) if serialized else 0.0,
        )

    def run_seconds(self, tier: str, *, converts: bool, trains: bool = True) -> float | None:
        """Return the expected duration of a run on a tier; `None` if the history can't tell."""
        train = self.train.get(tier) if trains else 0.0
        if train is None or self.other_tasks is None or (converts and self.convert is None):
            return None
        return self.other_tasks + train + ((self.convert or 0.0) if converts else 0.0)

    def makespan(self, runs: Sequence[float], *, parallel: int) -> float:
        """Return a lower bound of the duration of all runs together, in seconds.

        Args:
            runs: duration of each in seconds.
            parallel: number of runs at a time.
        """
        return max(max(runs, default=0.0), sum(runs) / parallel, len(runs) * self.serialized_tasks)
