"""What a plan says: its runs, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

Action = Literal["create", "repeat", "leave", "skip"]
Conversion = Literal["done", "shared", "job"]


@dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """One interval of a backfill.

    Attributes:
        run_id: the run; of one that exists already, its own.
        start: when the interval begins.
        end: when it ends; no data of this time or later is for the run.
        action: `create` a run, `repeat` one that exists, `leave` one as it is, or `skip` for lack of data.
        reason: why it is left or skipped; empty for a run that is made.
        state: of the run that exists already, Airflow's term; `None` if there is none.
        files: what it sees of the source.
        data_from: when its data begins; `None` if that isn't known.
        data_until: when its data ends; `None` where there is none.
        remark: what else is to be said of the data; may be empty.
        snapshot: the id of its raw data; `None` where there is none.
        key: names the conversion of that data.
        conversion: `done` before, `shared` with an earlier run of the plan, or a `job` of its own; `None` for
            a run that isn't made.
        seconds: how long the run is expected to take; `None` if that isn't known.
        dollars: what its training is expected to cost; `None` if that isn't known.
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
    def made(self) -> bool:
        """Whether the backfill makes this run, or makes it again, and it has data."""
        return self.action in ("create", "repeat")

    @property
    def trains(self) -> bool:
        """Whether it starts a training: a good run that is made again finds the job that it had."""
        return self.made and not (self.state == "success" and self.conversion == "done")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What the whole backfill comes to on a tier.

    Attributes:
        tier: the tier's name.
        spot: on spare capacity.
        measured: how many earlier runs on this tier it is drawn from.
        seconds: from the first run's start to the last one's end; `None` if that isn't known.
        dollars: of all trainings together; `None` if that isn't known.
        unknown: why something isn't known, in words; empty where all is.
    """

    tier: str
    spot: bool
    measured: int
    seconds: float | None
    dollars: float | None
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A backfill that has not been made.

    Attributes:
        dataset: its name.
        dag_id: its DAG.
        runs: one for each interval, oldest first.
        parallel: how many of them go on at a time.
        estimates: what it comes to; first on the tier that was asked for, then on others that have been used.
    """

    dataset: str
    dag_id: str
    runs: Sequence[PlannedRun]
    parallel: int
    estimates: Sequence[Estimate]

    @property
    def made(self) -> list[PlannedRun]:
        """The runs that the backfill makes or makes again."""
        return [run for run in self.runs if run.made]

    @property
    def jobs(self) -> int:
        """How many Dataflow jobs it starts."""
        return sum(run.conversion == "job" for run in self.runs)

    def summary(self) -> str:
        """The plan in one sentence."""
        if not self.runs:
            return "no runs: no interval of the schedule begins between these times and is over"
        counts = {
            "already converted": sum(run.conversion == "done" for run in self.runs),
            "sharing another's conversion": sum(run.conversion == "shared" for run in self.runs),
            "left as they are": sum(run.action == "leave" for run in self.runs),
            "skipped for lack of data": sum(run.action == "skip" for run in self.runs),
        }
        parts = [f"{number} {words}" for words, number in counts.items() if number]
        parts.append(_count(self.jobs, "Dataflow job"))
        estimate = self.estimates[0]
        return f"{_count(len(self.made), 'run')}: {', '.join(parts)}; {in_words(estimate)}"

    def remarks(self) -> list[str]:
        """What each estimate is drawn from, and what none of them holds: a line each."""
        lines = []
        for estimate in self.estimates if self.made else ():
            grounds = f"from {_count(estimate.measured, 'earlier run')}, {self.parallel} at a time"
            reasons = [grounds] if estimate.measured else []
            reasons += [estimate.unknown] if estimate.unknown else []
            lines.append(f"{in_words(estimate)}: {'; '.join(reasons)}")
        if any(estimate.dollars is not None for estimate in self.estimates):
            lines.append("Costs are of the training's machines, without Dataflow and storage.")
        return lines

    def to_json(self) -> dict[str, Any]:
        """The plan as plain JSON values; times are in ISO 8601."""
        document = asdict(self)
        document["runs"] = [
            {name: value.isoformat() if isinstance(value, datetime) else value for name, value in run.items()}
            for run in document["runs"]
        ]
        return {**document, "dataflow_jobs": self.jobs, "summary": self.summary()}


def in_words(estimate: Estimate) -> str:
    """An estimate as people say it: `about 9 min and $1.20 on BASIC`."""
    where = f"on {estimate.tier}" + (" (spot)" if estimate.spot else "")
    seconds, dollars = estimate.seconds, estimate.dollars
    if seconds is None and dollars is None:
        return f"time and cost unknown {where}"
    time = "time unknown" if seconds is None else f"about {duration(seconds)}"
    return f"{time} and {'cost unknown' if dollars is None else price(dollars)} {where}"


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `9 min` or `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def price(dollars: float) -> str:
    """Dollars as people say them: cents matter below ten."""
    if 0 < dollars < 0.01:
        return "< $0.01"
    return f"${dollars:.2f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
