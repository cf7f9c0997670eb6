"""Dry run of a backfill: a pure function of spec, intervals, source, bucket and earlier runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from contract import DatasetSpec
from retraining.context import Run
from retraining.errors import NoDataYetError
from retraining.plan.runs import Action, DurationStats, Estimate, PastRun, Plan, PlannedRun, format_time
from retraining.source import Source, snapshot_id
from retraining.tiers import Tier
from retraining.window import resolve_window

Reprocess = Literal["none", "failed", "completed"]
FINAL_STATES = ("success", "failed")


@dataclass(frozen=True, kw_only=True)
class ScheduledRun:
    """A run that Airflow's schedule has for a data interval.

    Attributes:
        run_id: the name that a backfill gives it.
        logical_date: names the interval.
        start: start of the interval.
        end: end of the interval.
    """

    run_id: str
    logical_date: datetime
    start: datetime
    end: datetime


def plan(
    spec: DatasetSpec,
    *,
    dag_id: str,
    schedule: Sequence[ScheduledRun],
    history: Sequence[PastRun],
    source: Source,
    snapshot_of: Callable[[Collection[str]], str | None] | None = None,
    is_converted: Callable[[str], bool],
    tiers: Mapping[str, Tier],
    tier: Tier,
    spot: bool = False,
    reprocess: Reprocess = "none",
    parallel: int = 1,
) -> Plan:
    """Plan a backfill.

    Args:
        spec: the dataset.
        dag_id: its DAG.
        schedule: scheduled runs, oldest first.
        history: earlier runs, oldest first.
        source: the raw data.
        snapshot_of: finds the snapshot of some files, if they are in the bucket; by default all files are
            read for it.
        is_converted: tells whether the records of a conversion key are committed.
        tiers: the deployment's tiers.
        tier: the one to train on.
        spot: train on Spot VMs.
        reprocess: existing runs to repeat, in Airflow's terms.
        parallel: number of runs at a time.

    Raises:
        ConfigurationError: the source has no files of the dataset's pattern.
    """
    names, now = _partitions(spec, source.names), datetime.now(UTC)
    existing = {run.logical_date: run for run in history if run.logical_date is not None}
    runs = [
        _with_data(
            spec, dag_id, _decide(scheduled, existing.get(scheduled.logical_date), reprocess), names, now
        )
        for scheduled in schedule
    ]
    runs = _with_snapshots(spec, runs, source, snapshot_of)
    runs = _with_conversions(runs, is_converted)
    stats = DurationStats.from_runs(history)
    others = [name for name in stats.train if name != tier.name and name in tiers]
    estimates = [
        _estimate(runs, stats, candidate, spot=spot, parallel=parallel)
        for candidate in [tier, *(tiers[name] for name in others)]
    ]
    return Plan(
        dataset=spec.name,
        dag_id=dag_id,
        runs=[_with_estimate(run, stats, tier, spot=spot) if run.is_executed else run for run in runs],
        parallel=parallel,
        estimates=estimates,
    )


def _partitions(spec: DatasetSpec, names: Sequence[str]) -> Sequence[str]:
    """Return the names that are partitions; all of them if none is, for the error that names the pattern."""
    partitioning = spec.partitioning
    if partitioning is None:
        return names
    return [name for name in names if partitioning.interval_of(name)] or names


def _decide(scheduled: ScheduledRun, existing: PastRun | None, reprocess: Reprocess) -> PlannedRun:
    action: Action = "create"
    reason = ""
    if existing is not None:
        repeated = {"none": (), "failed": ("failed",), "completed": FINAL_STATES}[reprocess]
        action = "repeat" if existing.state in repeated else "leave"
        if action == "leave":
            status = "exists" if existing.state in FINAL_STATES else "is under way"
            reason = f"a run of this interval {status}: {existing.state}"
    return PlannedRun(
        run_id=existing.run_id if existing else scheduled.run_id,
        start=scheduled.start,
        end=scheduled.end,
        action=action,
        reason=reason,
        state=existing.state if existing else None,
    )


def _with_data(
    spec: DatasetSpec, dag_id: str, planned: PlannedRun, names: Sequence[str], now: datetime
) -> PlannedRun:
    run = Run(dag_id=dag_id, run_id=planned.run_id, data_until=planned.end, has_data_interval=True)
    try:
        window = resolve_window(names, spec, run, {}, read=now)
    except NoDataYetError as error:
        if planned.action == "leave":
            return planned
        outcome = "would fail" if now >= error.until else f"would wait until {format_time(error.until)}"
        return replace(planned, action="lack", reason=f"{outcome}: {error}")
    return replace(
        planned,
        files=tuple(sorted(window.names)),
        data_from=window.data_from,
        data_until=window.data_until,
        remark=window.remark,
    )


def _with_snapshots(
    spec: DatasetSpec,
    runs: Sequence[PlannedRun],
    source: Source,
    snapshot_of: Callable[[Collection[str]], str | None] | None,
) -> list[PlannedRun]:
    if snapshot_of is None:
        # Windows overlap: each file is read once.
        names = {name for run in runs for name in run.files}
        objects = {found.name: found for found in source.describe(names)} if names else {}
        snapshots = [snapshot_id(objects[name] for name in run.files) if run.files else None for run in runs]
    else:
        snapshots = [snapshot_of(run.files) if run.files else None for run in runs]
    return [
        replace(run, snapshot=snapshot, key=snapshot and spec.contract.conversion_key(snapshot))
        for run, snapshot in zip(runs, snapshots, strict=True)
    ]


def _with_conversions(runs: Sequence[PlannedRun], is_converted: Callable[[str], bool]) -> list[PlannedRun]:
    converted: dict[Hashable, bool] = {}
    result = []
    for run in runs:
        # Data without a key is not in the bucket yet: equal files make one conversion.
        data: Hashable = run.key or run.files
        if not run.is_executed or not run.files:
            result.append(run)
        elif data in converted:
            result.append(replace(run, conversion="done" if converted[data] else "shared"))
        else:
            converted[data] = run.key is not None and is_converted(run.key)
            result.append(replace(run, conversion="done" if converted[data] else "job"))
    return result


def _with_estimate(run: PlannedRun, stats: DurationStats, tier: Tier, *, spot: bool) -> PlannedRun:
    return replace(
        run,
        seconds=stats.run_seconds(tier.name, converts=run.conversion != "done", trains=run.trains),
        dollars=_training_cost(stats, tier, spot=spot) if run.trains else 0.0,
    )


def _training_cost(stats: DurationStats, tier: Tier, *, spot: bool) -> float | None:
    train, hourly = stats.train.get(tier.name), tier.dollars_per_hour(spot=spot)
    return None if train is None or hourly is None else train / 3600 * hourly


def _estimate(
    runs: Sequence[PlannedRun], stats: DurationStats, tier: Tier, *, spot: bool, parallel: int
) -> Estimate:
    executed = [_with_estimate(run, stats, tier, spot=spot) for run in runs if run.is_executed]
    durations = [run.seconds for run in executed if run.seconds is not None]
    costs = [run.dollars for run in executed if run.dollars is not None]
    return Estimate(
        tier=tier.name,
        spot=spot or tier.spot,
        measured=stats.num_runs.get(tier.name, 0),
        seconds=stats.makespan(durations, parallel=parallel) if len(durations) == len(executed) else None,
        dollars=sum(costs) if len(costs) == len(executed) else None,
        unknown="; ".join(_missing(stats, tier, executed, spot=spot)),
    )


def _missing(stats: DurationStats, tier: Tier, executed: Sequence[PlannedRun], *, spot: bool) -> list[str]:
    """Return the reasons for which time or cost of the runs can't be estimated."""
    missing: list[str] = []
    if not any(run.trains for run in executed):
        return missing
    if tier.name not in stats.train:
        missing.append(f"no earlier run on {tier.name} has succeeded")
    elif stats.convert is None and any(run.conversion != "done" for run in executed):
        missing.append("no recent run has converted its data")
    if tier.dollars_per_hour(spot=spot) is None:
        field = "spot_dollars_per_hour" if spot or tier.spot else "dollars_per_hour"
        missing.append(f"{tier.name} has no {field} in the file of tiers")
    return missing
