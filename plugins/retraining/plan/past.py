"""What earlier runs took: the only thing that estimates are drawn from."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

CONVERT, TRAIN = "convert_to_tfrecord", "train"
ONE_AT_A_TIME = ("smoke_predict", "promote")
"""A dataset has one candidate endpoint and one in production."""

RECENT = 10
"""Older runs had other data."""


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """A run that exists already.

    Attributes:
        run_id: the run.
        logical_date: of the interval; runs by hand may have none.
        state: Airflow's term.
        tier: the tier that it trained on.
        converted: whether a Dataflow job of its own converted its data.
        seconds: how long the last try of each task took, of those that succeeded.
    """

    run_id: str
    logical_date: datetime | None
    state: str
    tier: str
    converted: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Experience:
    """Medians of recent successful runs, in seconds.

    Attributes:
        train: the training, by tier.
        measured: how many runs on each tier there were.
        convert: a conversion by a Dataflow job; `None` if there was none.
        rest: all other tasks together; `None` if there was no run.
        one_at_a_time: the tasks among these that runs don't do at the same time.
    """

    train: Mapping[str, float]
    measured: Mapping[str, int]
    convert: float | None
    rest: float | None
    one_at_a_time: float

    @classmethod
    def of(cls, past: Iterable[PastRun]) -> Experience:
        """What the runs teach; of each tier the newest ones count, which come last."""
        by_tier: dict[str, list[PastRun]] = {}
        for run in past:
            if run.state == "success" and TRAIN in run.seconds:
                by_tier.setdefault(run.tier, []).append(run)
        recent = {tier: runs[-RECENT:] for tier, runs in by_tier.items()}
        counted = [run for runs in recent.values() for run in runs]
        converting = [run.seconds[CONVERT] for run in counted if run.converted and CONVERT in run.seconds]
        rests = [
            sum(value for task, value in run.seconds.items() if task not in (CONVERT, TRAIN))
            for run in counted
        ]
        alone = [sum(run.seconds.get(task, 0.0) for task in ONE_AT_A_TIME) for run in counted]
        return cls(
            train={
                tier: statistics.median(run.seconds[TRAIN] for run in runs) for tier, runs in recent.items()
            },
            measured={tier: len(runs) for tier, runs in recent.items()},
            convert=statistics.median(converting) if converting else None,
            rest=statistics.median(rests) if rests else None,
            one_at_a_time=statistics.median(alone) if alone else 0.0,
        )

    def seconds(self, tier: str, *, converts: bool, trains: bool = True) -> float | None:
        """How long a run on a tier is expected to take; `None` if there is nothing to tell it by."""
        train = self.train.get(tier) if trains else 0.0
        if train is None or self.rest is None or (converts and self.convert is None):
            return None
        return self.rest + train + ((self.convert or 0.0) if converts else 0.0)

    def seconds_in_all(self, runs: Sequence[float], *, parallel: int) -> float:
        """How long runs of these lengths take together: never less than the longest, or than the queue.

        Args:
            runs: how long each takes.
            parallel: how many go on at a time.
        """
        return max(max(runs, default=0.0), sum(runs) / parallel, len(runs) * self.one_at_a_time)
