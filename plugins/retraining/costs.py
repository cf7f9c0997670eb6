"""Print what the jobs of each run cost, by the time of their machines and the prices of the tiers.

python -m retraining.costs --dataset census --since 2026-01-01
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table

from contract import ContractError, naming
from retraining.context import GoogleServices
from retraining.errors import ConfigurationError
from retraining.google.dataflow_jobs import ENDED, DataflowJobs
from retraining.plan.runs import format_duration, format_price, parse_time
from retraining.tiers import Tier, WorkerPool, load_tiers

CONVERT = "convert_to_tfrecord"
DAYS = 30
"""Age of the oldest jobs that are listed unless a time is given."""

REMARK = (
    "Prices are those of the tiers: of a list, without discounts. Not in them: Dataflow, whose time is the "
    "job's and not its workers', deployed models, storage and logs; the bill has them (docs/cloud.md)."
)

Machine = tuple[str, str, int]
"""Type of a machine, of its accelerators, and their number."""


@dataclass(frozen=True, kw_only=True)
class TaskCost:
    """Jobs of one task of one run, failed ones included.

    Attributes:
        dataset: its name.
        run: the run's name in folders and labels; empty for a conversion, which runs share.
        task: the task's id.
        jobs: how many.
        started: when the first one started, ISO 8601; empty if none has.
        machine_seconds: time of all machines together; of a conversion, the job's.
        dollars: cost of these machines; None if the price of one isn't known.
    """

    dataset: str
    run: str
    task: str
    jobs: int
    started: str
    machine_seconds: float
    dollars: float | None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Time that one job, or one trial of a job, took of its machines.

    Attributes:
        dataset: its name.
        run: the run's name in folders and labels; empty for a conversion, which runs share.
        task: the task's id.
        job: its name; that of a trial is its tuning job's.
        started: when it started; None if it has not.
        machine_seconds: time of all machines together; of a conversion, the job's.
        dollars: what the machines cost; None if the price of one isn't known.
    """

    dataset: str
    run: str
    task: str
    job: str
    started: datetime | None
    machine_seconds: float
    dollars: float | None


class Prices:
    """Prices of machines, as the tiers have them: the job's own tier first, then any with such machines.

    Args:
        ours: our tiers.
        deployed: the deployment's, with ours among them.
    """

    def __init__(self, ours: Mapping[str, Tier], deployed: Mapping[str, Tier]) -> None:
        own = [tier for name, tier in deployed.items() if ours.get(name) != tier]
        self._any = _pool_prices((*ours.values(), *own))
        self._of_tier = {naming.label_value(name): _pool_prices([tier]) for name, tier in deployed.items()}

    def of(self, job_spec: Any, seconds: float, *, tier: str = "") -> tuple[float, float | None]:
        """Return the machine seconds of a CustomJobSpec, and what they cost; None if that isn't known.

        Args:
            job_spec: of a job that has been started.
            seconds: for which its machines ran.
            tier: value of the job's label.
        """
        prices = {**self._any, **self._of_tier.get(tier, {})}
        spot = job_spec.scheduling.strategy.name == "SPOT"
        machine_seconds, dollars = 0.0, 0.0
        known = True
        for pool in job_spec.worker_pool_specs:
            price = prices.get((_machine_of_spec(pool.machine_spec), spot))
            machine_seconds += seconds * pool.replica_count
            known = known and price is not None
            dollars += seconds / 3600 * pool.replica_count * (price or 0.0)
        return machine_seconds, dollars if known or not seconds else None


def task_costs(services: GoogleServices, *, since: datetime, dataset: str = "") -> list[TaskCost]:
    """Return the costs of the deployment's jobs by dataset, run and task, in the order of their start.

    Args:
        services: of the deployment.
        since: jobs that were created before are left out.
        dataset: its jobs alone.

    Raises:
        ConfigurationError: the file of tiers can't be read.
        ContractError: a tier has a wrong field.
    """
    prices = Prices(load_tiers(), services.settings.tiers)
    usages = [
        *_trainings(services, prices, since=since, dataset=dataset),
        *_conversions(services, since=since, dataset=dataset),
    ]
    tasks: dict[tuple[str, str, str], list[Usage]] = {}
    for usage in usages:
        tasks.setdefault((usage.dataset, usage.run, usage.task), []).append(usage)
    costs = [_cost(*key, found) for key, found in tasks.items()]
    return sorted(costs, key=lambda cost: (cost.dataset, cost.started, cost.run, cost.task))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the costs; the exit status is 2 if a setting is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m retraining.costs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Reads the jobs of the deployment that the environment names; of a local stack: . .local/env",
    )
    parser.add_argument("--dataset", default="", metavar="NAME", help="its jobs alone")
    parser.add_argument(
        "--since", type=_time, metavar="TIME", help=f"jobs created at this time or later ({DAYS} days ago)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    since = options.since or datetime.now(UTC) - timedelta(days=DAYS)
    try:
        services = GoogleServices.from_environment()
        # Airflow prints messages of its own, from its import on, to the standard output that it then finds.
        with redirect_stdout(sys.stderr), closing(services.clients):
            costs = task_costs(services, since=since, dataset=options.dataset)
    except (ConfigurationError, ContractError) as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps([asdict(cost) for cost in costs], indent=2))
    else:
        print_costs(costs, Console(highlight=False))
    return 0


def print_costs(costs: Sequence[TaskCost], console: Console) -> None:
    """Print a table of the costs, with a sum for each dataset."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("dataset", "run", "task", "jobs", "machine time", "cost"):
        table.add_column(column, justify="right" if column in ("jobs", "machine time", "cost") else "left")
    for dataset, found in groupby(costs, key=lambda cost: cost.dataset):
        rows = list(found)
        for cost in rows:
            price = "unknown" if cost.dollars is None else format_price(cost.dollars)
            time = format_duration(cost.machine_seconds)
            table.add_row(dataset, cost.run, cost.task, str(cost.jobs), time, price)
        known = sum(cost.dollars for cost in rows if cost.dollars is not None)
        some = "at least " if any(cost.dollars is None and cost.task != CONVERT for cost in rows) else ""
        table.add_row(dataset, "", "all", "", "", f"{some}{format_price(known)}", style="bold")
    console.print(table if costs else "There are no jobs.")
    console.print(REMARK, style="dim")


def _trainings(services: GoogleServices, prices: Prices, *, since: datetime, dataset: str) -> Iterator[Usage]:
    """Give the usage of each training, scoring and tuning job."""
    labels = {naming.DEPLOYMENT_LABEL: services.settings.deployment}
    if dataset:
        labels[naming.DATASET_LABEL] = dataset
    of_trials: set[str] = set()
    for job in services.tuning_jobs.find_all(labels):
        of_trials |= {trial.custom_job for trial in job.trials}
        if job.create_time >= since:
            yield from (_usage(job, trial, job.trial_job_spec, prices) for trial in job.trials)
    for job in services.custom_jobs.find_all(labels):
        if job.create_time >= since and job.name not in of_trials:
            yield _usage(job, job, job.job_spec, prices)


def _conversions(services: GoogleServices, *, since: datetime, dataset: str) -> Iterator[Usage]:
    """Give the usage of each Dataflow job: its list has no labels, but the names are a dataset's own."""
    settings = services.settings
    parent = naming.dataset_parents(settings.bucket, settings.deployment)[1]
    datasets = [dataset] if dataset else services.storage.folders(parent)
    prefixes = {services.names(name).conversion_job(""): name for name in datasets}
    for job in DataflowJobs(services.clients).find_all():
        found = [prefix for prefix in prefixes if job.name.startswith(prefix)]
        if found and job.create_time >= since:
            ended = job.current_state_time if job.current_state.name in ENDED else None
            yield Usage(
                dataset=prefixes[max(found, key=len)],
                run="",
                task=CONVERT,
                job=job.id,
                started=job.start_time,
                machine_seconds=_seconds(job.start_time, ended),
                dollars=None,
            )


def _usage(job: Any, timed: Any, job_spec: Any, prices: Prices) -> Usage:
    """Return the usage of a job, or of one trial of it, which has its own times."""
    ended = timed.end_time or job.end_time  # a trial of a job that was cancelled has no end
    seconds, tier = _seconds(timed.start_time, ended), job.labels.get(naming.TIER_LABEL, "")
    machine_seconds, dollars = prices.of(job_spec, seconds, tier=tier)
    return Usage(
        dataset=job.labels.get(naming.DATASET_LABEL, ""),
        run=job.labels.get(naming.RUN_LABEL, ""),
        task=job.labels.get(naming.TASK_LABEL, ""),
        job=job.name,
        started=timed.start_time,
        machine_seconds=machine_seconds,
        dollars=dollars,
    )


def _cost(dataset: str, run: str, task: str, usages: Iterable[Usage]) -> TaskCost:
    usages = list(usages)
    started = min((usage.started for usage in usages if usage.started), default=None)
    prices = [usage.dollars for usage in usages if usage.dollars is not None]
    return TaskCost(
        dataset=dataset,
        run=run,
        task=task,
        jobs=len({usage.job for usage in usages}),
        started=started.isoformat(timespec="seconds") if started else "",
        machine_seconds=round(sum(usage.machine_seconds for usage in usages), 3),
        dollars=sum(prices) if len(prices) == len(usages) else None,
    )


def _seconds(started: datetime | None, ended: datetime | None) -> float:
    """Return the time between two times; of what is under way, until now."""
    return ((ended or datetime.now(UTC)) - started).total_seconds() if started else 0.0


def _pool_prices(tiers: Iterable[Tier]) -> dict[tuple[Machine, bool], float]:
    """Return the prices of the machines of tiers, later ones first; those that aren't known are left out."""
    return {
        (_machine_of_pool(pool), spot): price
        for tier in tiers
        for pool in tier.pools
        for spot, price in ((False, pool.dollars_per_hour), (True, pool.spot_dollars_per_hour))
        if price is not None
    }


def _machine_of_pool(pool: WorkerPool) -> Machine:
    return pool.machine_type, pool.accelerator_type or "", pool.accelerator_count


def _machine_of_spec(spec: Any) -> Machine:
    count = spec.accelerator_count
    return spec.machine_type, spec.accelerator_type.name if count else "", count


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
