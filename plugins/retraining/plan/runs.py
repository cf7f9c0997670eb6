"""Contents of a plan: its runs, their estimates, and both as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from retraining.errors import ConfigurationError

Action = Literal["create", "repeat", "leave", "lack"]
Conversion = Literal["done", "shared", "job"]

COLUMNS = ("interval", "run", "data", "files", "snapshot", "conversion", "time", "cost")
NUMERIC_COLUMNS = ("files", "time", "cost")
"""Columns that are aligned to the right."""

_CONVERSIONS = {"done": "already converted", "shared": "shared with another run", "job": "Dataflow job"}


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
