"""Runs of a plan: earlier ones with their durations, planned ones with their estimates, and their texts."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from retraining.errors import ConfigurationError

Action = Literal["create", "repeat", "leave", "lack"]
Conversion = Literal["done", "shared", "job"]

COLUMNS = ("interval", "run", "data", "files", "snapshot", "conversion", "time", "cost")
NUMERIC_COLUMNS = ("files", "time", "cost")
"""Columns that are aligned to the right."""

_CONVERSIONS = {"done": "already converted", "shared": "shared with another run", "job": "Dataflow job"}

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


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One interval of a backfill.

    Attributes:
        run_id: the run; of one that exists already, its own.
        start: start of the interval.
        end: end of the interval; the run uses no data of this time or later.
        action: `create` a run, `repeat` one that exists, `leave` one as it is, or `lack`: its newest data is
            not there, so that it would wait for it or fail.
        reason: why it is left, or the data that it lacks; empty for a run that is executed.
        state: of the run that exists already, Airflow's state; `None` if there is none.
        files: files of the source in its window.
        data_from: start of its data; `None` if that isn't known.
        data_until: end of its data; `None` where there is none.
        remark: note on the data; may be empty.
        snapshot: id of its raw data; `None` where there is none.
        key: conversion key of that data.
        conversion: `done` before, `shared` with an earlier run of the plan, or a `job` of its own; `None` for
            a run that isn't executed.
        seconds: expected duration; `None` if that isn't known.
        dollars: expected cost of its training; `None` if that isn't known.
    """

    run_id: str
    start: datetime
    end: datetime
    action: Action
    reason: str = ""
    state: str | None = None
    files: tuple[str, ...] = ()
    data_from: datetime | None = None
    data_until: datetime | None = None
    remark: str = ""
    snapshot: str | None = None
    key: str | None = None
    conversion: Conversion | None = None
    seconds: float | None = None
    dollars: float | None = None

    @property
    def is_executed(self) -> bool:
        """True if the backfill creates or repeats this run."""
        return self.action in ("create", "repeat")

    @property
    def trains(self) -> bool:
        """True if it starts a training: a successful run that is repeated finds the job that it had."""
        return self.is_executed and not (self.state == "success" and self.conversion == "done")

    def cells(self) -> list[str]:
        """Return the run as a row of `COLUMNS`; the last cells are missing if it isn't executed."""
        interval = f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"
        if not self.is_executed:
            return [interval, self.reason, self.remark, str(len(self.files) or ""), self.snapshot or ""]
        return [
            interval,
            f"repeated ({self.state})" if self.action == "repeat" else "new",
            self.remark or "all",
            str(len(self.files)),
            self.snapshot or "",
            _CONVERSIONS[self.conversion or "job"],
            "unknown" if self.seconds is None else format_duration(self.seconds),
            "unknown" if self.dollars is None else format_price(self.dollars),
        ]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Time and cost of the whole backfill on a tier.

    Attributes:
        tier: the tier's name.
        spot: whether it trains on Spot VMs.
        measured: number of earlier runs on this tier that it is derived from.
        seconds: from the first run's start to the last one's end; `None` if that isn't known.
        dollars: of all trainings together; `None` if that isn't known.
        unknown: reason for what isn't known; empty if all is.
    """

    tier: str
    spot: bool
    measured: int
    seconds: float | None
    dollars: float | None
    unknown: str = ""

    def __str__(self) -> str:
        """Return a phrase such as `about 9 min and $1.20 on BASIC`."""
        where = f"on {self.tier}" + (" (spot)" if self.spot else "")
        if self.seconds is None and self.dollars is None:
            return f"time and cost unknown {where}"
        time = "time unknown" if self.seconds is None else f"about {format_duration(self.seconds)}"
        return f"{time} and {'cost unknown' if self.dollars is None else format_price(self.dollars)} {where}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Dry run of a backfill.

    Attributes:
        dataset: its name.
        dag_id: its DAG.
        runs: one for each interval, oldest first.
        parallel: number of runs at a time.
        estimates: first on the requested tier, then on others that have been used.
    """

    dataset: str
    dag_id: str
    runs: Sequence[PlannedRun]
    parallel: int
    estimates: Sequence[Estimate]

    @property
    def executed_runs(self) -> list[PlannedRun]:
        """Runs that the backfill creates or repeats."""
        return [run for run in self.runs if run.is_executed]

    @property
    def num_dataflow_jobs(self) -> int:
        """Number of Dataflow jobs that it starts."""
        return sum(run.conversion == "job" for run in self.runs)

    def summary(self) -> str:
        """Return the plan in one sentence."""
        if not self.runs:
            return "no runs: no interval of the schedule begins between these times and is over"
        counts = {
            "already converted": sum(run.conversion == "done" for run in self.runs),
            "sharing another's conversion": sum(run.conversion == "shared" for run in self.runs),
            "left as they are": sum(run.action == "leave" for run in self.runs),
            "without their newest data": sum(run.action == "lack" for run in self.runs),
        }
        parts = [f"{number} {text}" for text, number in counts.items() if number]
        parts.append(_count(self.num_dataflow_jobs, "Dataflow job"))
        return f"{_count(len(self.executed_runs), 'run')}: {', '.join(parts)}; {self.estimates[0]}"

    def estimate_lines(self) -> list[str]:
        """Return a line per estimate with its grounds, and one on the costs that are left out."""
        lines = []
        for estimate in self.estimates if self.executed_runs else ():
            grounds = f"from {_count(estimate.measured, 'earlier run')}, {self.parallel} at a time"
            reasons = [grounds] if estimate.measured else []
            reasons += [estimate.unknown] if estimate.unknown else []
            lines.append(f"{estimate}: {'; '.join(reasons)}")
        if any(estimate.dollars is not None for estimate in self.estimates):
            lines.append("Costs are of the training's machines, without Dataflow and storage.")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values; times are in ISO 8601."""
        document = asdict(self)
        document["runs"] = [
            {name: value.isoformat() if isinstance(value, datetime) else value for name, value in run.items()}
            for run in document["runs"]
        ]
        return {**document, "dataflow_jobs": self.num_dataflow_jobs, "summary": self.summary()}


def parse_time(text: str) -> datetime:
    """Return the time of a date or an ISO 8601 text; without a time zone it is in UTC.

    Raises:
        ConfigurationError: the text is neither.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"expected YYYY-MM-DD or ISO 8601, received {text!r}") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def format_time(time: datetime) -> str:
    """Return a text that `parse_time` takes: the date for a midnight in UTC."""
    return time.isoformat().removesuffix("T00:00:00+00:00")


def format_duration(seconds: float) -> str:
    """Return a duration in the unit that suits it: `45 s`, `9 min` or `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def format_price(dollars: float) -> str:
    """Return a price in dollars and cents."""
    if 0 < dollars < 0.01:
        return "< $0.01"
    return f"${dollars:.2f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
