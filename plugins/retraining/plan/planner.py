"""The plan itself: a pure function of spec, intervals, source, bucket and earlier runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from contract import DatasetSpec
from retraining.context import Run
from retraining.errors import NoDataYetError
from retraining.plan.past import Experience, PastRun
from retraining.plan.runs import Action, Estimate, Plan, PlannedRun
from retraining.source import Source, snapshot_id
from retraining.tiers import Tier
from retraining.window import resolve_window

Reprocess = Literal["none", "failed", "completed"]
FINAL_STATES = ("success", "failed")


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A run that the schedule has for a time.

    Attributes:
        run_id: the name that a backfill gives it.
        logical_date: names the interval.
        start: when it begins.
        end: when it ends.
    """

    run_id: str
    logical_date: datetime
    start: datetime
    end: datetime


def plan(
    spec: DatasetSpec,
    *,
    dag_id: str,
    intervals: Sequence[Interval],
    past: Sequence[PastRun],
    source: Source,
    converted: Callable[[str], bool],
    tiers: Mapping[str, Tier],
    tier: Tier,
    spot: bool = False,
    reprocess: Reprocess = "none",
    parallel: int = 1,
) -> Plan:
    """What a backfill would do.

    Args:
        spec: the dataset.
        dag_id: its DAG.
        intervals: of the schedule, oldest first.
        past: its runs so far, oldest first.
        source: the raw data.
        converted: whether the records of a conversion key are committed.
        tiers: the deployment's tiers.
        tier: the one to train on.
        spot: train on spare capacity.
        reprocess: which runs that exist already are made again, in Airflow's terms.
        parallel: how many runs go on at a time.

    Raises:
        ConfigurationError: the source has no files of the dataset's pattern.
    """
    names = _partitions(spec, source.names)
    latest = {run.logical_date: run for run in past if run.logical_date is not None}
    runs = [
        _with_data(spec, dag_id, _of_interval(interval, latest.get(interval.logical_date), reprocess), names)
        for interval in intervals
    ]
    runs = _with_snapshots(spec, runs, source)
    runs = _with_conversions(runs, converted)
    experience = Experience.of(past)
    others = [name for name in experience.train if name != tier.name and name in tiers]
    estimates = [
        _estimate(runs, experience, found, spot=spot, parallel=parallel)
        for found in [tier, *(tiers[name] for name in others)]
    ]
    return Plan(
        dataset=spec.name,
        dag_id=dag_id,
        runs=[_with_estimate(run, experience, tier, spot=spot) if run.made else run for run in runs],
        parallel=parallel,
        estimates=estimates,
    )


def _partitions(spec: DatasetSpec, names: Sequence[str]) -> Sequence[str]:
    """The files without those that every run would pass over; all of them if there are no others."""
    partitioning = spec.partitioning
    if partitioning is None:
        return names
    return [name for name in names if partitioning.interval_of(name)] or names


def _of_interval(interval: Interval, existing: PastRun | None, reprocess: Reprocess) -> PlannedRun:
    action: Action = "create"
    reason = ""
    if existing is not None:
        repeated = {"none": (), "failed": ("failed",), "completed": FINAL_STATES}[reprocess]
        action = "repeat" if existing.state in repeated else "leave"
        if action == "leave":
            words = "exists" if existing.state in FINAL_STATES else "is under way"
            reason = f"a run of this interval {words}: {existing.state}"
    return PlannedRun(
        run_id=existing.run_id if existing else interval.run_id,
        start=interval.start,
        end=interval.end,
        action=action,
        reason=reason,
        state=existing.state if existing else None,
    )


def _with_data(spec: DatasetSpec, dag_id: str, planned: PlannedRun, names: Sequence[str]) -> PlannedRun:
    run = Run(dag_id=dag_id, run_id=planned.run_id, data_until=planned.end, has_data_interval=True)
    try:
        window = resolve_window(names, spec.partitioning, run, {})
    except NoDataYetError as error:
        if planned.action == "leave":
            return planned
        return replace(planned, action="skip", reason=f"would be skipped: {error}")
    return replace(
        planned,
        files=tuple(sorted(window.names)),
        data_from=window.data_from,
        data_until=window.data_until,
        remark=window.remark,
    )


def _with_snapshots(spec: DatasetSpec, runs: Sequence[PlannedRun], source: Source) -> list[PlannedRun]:
    # Windows overlap: each file is read once.
    wanted = {name for run in runs for name in run.files}
    objects = {found.name: found for found in source.describe(wanted)} if wanted else {}
    found = []
    for run in runs:
        if not run.files:
            found.append(run)
            continue
        snapshot = snapshot_id(objects[name] for name in run.files)
        found.append(replace(run, snapshot=snapshot, key=spec.contract.conversion_key(snapshot)))
    return found


def _with_conversions(runs: Sequence[PlannedRun], converted: Callable[[str], bool]) -> list[PlannedRun]:
    seen: dict[str, bool] = {}
    found = []
    for run in runs:
        if not run.made or run.key is None:
            found.append(run)
        elif run.key in seen:
            found.append(replace(run, conversion="done" if seen[run.key] else "shared"))
        else:
            seen[run.key] = converted(run.key)
            found.append(replace(run, conversion="done" if seen[run.key] else "job"))
    return found


def _with_estimate(run: PlannedRun, experience: Experience, tier: Tier, *, spot: bool) -> PlannedRun:
    return replace(
        run,
        seconds=experience.seconds(tier.name, converts=run.conversion != "done", trains=run.trains),
        dollars=_dollars(experience, tier, spot=spot) if run.trains else 0.0,
    )


def _dollars(experience: Experience, tier: Tier, *, spot: bool) -> float | None:
    train, hourly = experience.train.get(tier.name), tier.dollars_per_hour(spot=spot)
    return None if train is None or hourly is None else train / 3600 * hourly


def _estimate(
    runs: Sequence[PlannedRun], experience: Experience, tier: Tier, *, spot: bool, parallel: int
) -> Estimate:
    made = [_with_estimate(run, experience, tier, spot=spot) for run in runs if run.made]
    lengths = [run.seconds for run in made if run.seconds is not None]
    prices = [run.dollars for run in made if run.dollars is not None]
    return Estimate(
        tier=tier.name,
        spot=spot or tier.spot,
        measured=experience.measured.get(tier.name, 0),
        seconds=experience.seconds_in_all(lengths, parallel=parallel) if len(lengths) == len(made) else None,
        dollars=sum(prices) if len(prices) == len(made) else None,
        unknown="; ".join(_lacking(experience, tier, made, spot=spot)),
    )


def _lacking(experience: Experience, tier: Tier, made: Sequence[PlannedRun], *, spot: bool) -> list[str]:
    lacking: list[str] = []
    if not any(run.trains for run in made):
        return lacking
    if tier.name not in experience.train:
        lacking.append(f"no earlier run on {tier.name} has succeeded")
    elif experience.convert is None and any(run.conversion != "done" for run in made):
        lacking.append("no recent run has converted its data")
    if tier.dollars_per_hour(spot=spot) is None:
        field = "spot_dollars_per_hour" if spot or tier.spot else "dollars_per_hour"
        lacking.append(f"{tier.name} has no {field} in the file of tiers")
    return lacking
