"""Remove what the runs of a dataset made: jobs, model versions, endpoints and folders.

python -m retraining.purge --dataset census --run manual__2026-01-01T00:00:00+00:00
python -m retraining.purge --older-than 90d

Everything is listed first. Production, and what it was made of, stays unless --with-production is given.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.prompt import Confirm

from contract import ContractError, naming
from retraining.context import GoogleServices
from retraining.errors import ConfigurationError, InUseError
from retraining.google.deployments import Deployment
from retraining.google.models import ModelVersion
from retraining.google.vertex_jobs import ENDED

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Choice of what to remove of a dataset: everything, one run, or what is older than a time.

    Attributes:
        dataset: its name.
        slug: the run's name in folders and labels; None for all runs.
        before: the time before which it was made; None for any time.
        with_production: also what production serves.
    """

    dataset: str
    slug: str | None = None
    before: datetime | None = None
    with_production: bool = False

    @property
    def is_whole(self) -> bool:
        """True if everything of the dataset is chosen, raw data and records included."""
        return self.slug is None and self.before is None

    @property
    def labels(self) -> dict[str, str]:
        """Labels of the chosen jobs beside the dataset's."""
        return {} if self.slug is None else {naming.RUN_LABEL: self.slug}

    def includes(self, time: datetime | None) -> bool:
        """Return True if something of this time is old enough; without a time it never is."""
        return self.before is None or (time is not None and time < self.before)


@dataclass(frozen=True, kw_only=True)
class DatasetResources:
    """Resources of one dataset that are to be removed.

    Attributes:
        custom_jobs: state by resource name.
        tuning_jobs: state by resource name.
        deployments: endpoint ids, each with a deployment on it.
        endpoints: endpoint ids.
        versions: of the dataset's model.
        model: resource name of the model, if it goes with all its versions; else empty.
        folders: number of objects by URI.
    """

    custom_jobs: Mapping[str, str]
    tuning_jobs: Mapping[str, str]
    deployments: Sequence[tuple[str, Deployment]]
    endpoints: Sequence[str]
    versions: Sequence[ModelVersion]
    model: str
    folders: Mapping[str, int]

    def lines(self) -> list[str]:
        """Return a line for each resource, for people."""
        jobs = {**self.custom_jobs, **self.tuning_jobs}
        return [
            *(f"job         {_short(name)} ({state})" for name, state in jobs.items()),
            *(f"deployment  version {one.version} on {endpoint}" for endpoint, one in self.deployments),
            *(f"endpoint    {endpoint}" for endpoint in self.endpoints),
            *(f"version     {_short(version.name)}" for version in self.versions),
            *([f"model       {_short(self.model)}"] if self.model else []),
            *(f"folder      {uri} ({count:,} objects)" for uri, count in self.folders.items()),
        ]

    def remove(self, services: GoogleServices) -> None:
        """Remove them, readers before what they read.

        Deployments and versions go first: what came into production after the list was made is refused there,
        and everything else is still as it was.
        """
        for endpoint in sorted({endpoint for endpoint, one in self.deployments if one.traffic_percent}):
            leaving = {one.id for where, one in self.deployments if where == endpoint}
            services.endpoints.take_traffic(endpoint, leaving)
        for endpoint, deployment in self.deployments:
            services.endpoints.undeploy(endpoint, deployment)
        for endpoint in self.endpoints:
            services.endpoints.delete(endpoint)
        if self.model:
            services.models.delete(self.model)
        else:
            for version in self.versions:
                services.models.delete_version(version)
        poll_seconds = services.settings.poll_seconds
        for name in self.custom_jobs:
            services.custom_jobs.delete(name, poll_seconds=poll_seconds)
        for name in self.tuning_jobs:
            services.tuning_jobs.delete(name, poll_seconds=poll_seconds)
        for folder in self.folders:
            services.storage.remove(folder)


def find_resources(services: GoogleServices, selection: Selection) -> DatasetResources:
    """Return the resources that a selection names; changes nothing.

    Raises:
        InUseError: production serves one of them, or it is the default version beside others.
    """
    names = services.names(selection.dataset)
    candidate = names.candidate_endpoint
    endpoints = services.endpoints.all()
    # What has a name of the dataset but not its label was made by somebody else.
    own = {names.production_endpoint, candidate} & services.endpoints.labelled(names.labels)
    versions = services.models.versions(names.model)
    labelled = [item for item in versions if names.owns(item.labels)]
    deployments = [
        (endpoint, one)
        for endpoint, found in endpoints.items()
        for one in found
        if endpoint in own or any(one.serves(version) for version in labelled)
    ]
    # Without traffic, too: promotion rolls back to such a deployment.
    served = {one.version for endpoint, one in deployments if endpoint != candidate}
    chosen = _choose_versions(selection, labelled, served, alone=len(labelled) == len(versions))
    kept = [version for version in versions if version not in chosen]
    ids = {version.version for version in chosen}
    labels = names.labels | selection.labels
    custom_jobs = services.custom_jobs.find_all(labels)
    tuning_jobs = services.tuning_jobs.find_all(labels)
    going_on = {
        job.labels.get(naming.RUN_LABEL, "")
        for job in (*custom_jobs, *tuning_jobs)
        if job.state.name not in ENDED
    }
    return DatasetResources(
        custom_jobs=_jobs(custom_jobs, selection, kept),
        tuning_jobs=_jobs(tuning_jobs, selection, kept),
        deployments=[item for item in deployments if selection.is_whole or item[1].version in ids],
        endpoints=sorted(own) if selection.is_whole else (),
        versions=chosen,
        model=chosen[0].model if chosen and not kept else "",
        folders=_folders(services, selection, kept, going_on),
    )


def find_run(services: GoogleServices, dataset: str, run: str) -> str:
    """Return the slug of a run.

    Args:
        services: of the deployment.
        dataset: the run's.
        run: Airflow's run id, or the slug itself.

    Raises:
        ConfigurationError: the run left neither a folder nor a job.
    """
    names = services.names(dataset)
    known = services.storage.folders(names.runs_folder)
    slug = naming.run_slug(naming.dag_id(dataset), run)
    for candidate in (run, slug):
        labels = names.labels | {naming.RUN_LABEL: candidate}
        is_slug = re.fullmatch(r"[a-z0-9-]+", candidate) is not None
        kinds = (services.custom_jobs, services.tuning_jobs) if is_slug else ()
        if candidate in known or any(jobs.find_all(labels) for jobs in kinds):
            return candidate
    raise ConfigurationError(f"--run: expected one of {known}, or its id in Airflow, received {run!r}")


def known_datasets(services: GoogleServices) -> list[str]:
    """Return the names of all datasets of which there is a job or a folder."""
    deployment = services.settings.deployment
    parents = naming.dataset_parents(services.settings.bucket, deployment)
    names = {name for parent in parents for name in services.storage.folders(parent)}
    ours = {naming.DEPLOYMENT_LABEL: deployment}
    for jobs in (services.custom_jobs.find_all(ours), services.tuning_jobs.find_all(ours)):
        names |= {job.labels[naming.DATASET_LABEL] for job in jobs if naming.DATASET_LABEL in job.labels}
    return sorted(name for name in names if _is_dataset(name))


def purge(
    services: GoogleServices,
    selections: Sequence[Selection],
    *,
    confirm: Callable[[], bool],
    console: Console,
) -> bool:
    """List the resources of selections, ask, and remove them.

    Args:
        services: of the deployment.
        selections: at most one for each dataset.
        confirm: asks; nothing is removed unless it returns True.
        console: shows the list.

    Returns:
        False if the answer was no, else True.

    Raises:
        InUseError: production serves one of the resources; nothing was removed.
    """
    # All are found before any is removed: a refusal leaves everything as it was.
    found = [find_resources(services, selection) for selection in selections]
    lines = [line for resources in found for line in resources.lines()]
    if not lines:
        names = ", ".join(selection.slug or selection.dataset for selection in selections)
        console.print(f"There is nothing of {names or 'any dataset'}.", markup=False)
        return True
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    objects = sum(count for resources in found for count in resources.folders.values())
    console.print(f"{len(lines)} resources, {objects:,} objects in the folders among them.", markup=False)
    if not confirm():
        console.print("Nothing was removed.")
        return False
    for resources in found:
        resources.remove(services)
    console.print(f"Removed {len(lines)}. Airflow keeps the history of its runs, Dataflow that of its jobs.")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 if something is in use, or the answer was no. A wrong argument exits with 2.
    """
    from airflow.sdk.exceptions import AirflowException
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    parser = _argument_parser()
    options = parser.parse_args(arguments)
    if options.run and (not options.dataset or options.before):
        parser.error("--run: expected --dataset, and no --older-than, beside it")
    if not options.dataset and not options.before:
        parser.error("expected --dataset or --older-than, received neither")
    console = Console(highlight=False)
    try:
        services = GoogleServices.from_environment()
        with closing(services.clients):
            names = [options.dataset] if options.dataset else known_datasets(services)
            selections = [
                Selection(
                    dataset=name,
                    slug=find_run(services, name, options.run) if options.run else None,
                    before=options.before,
                    with_production=options.with_production,
                )
                for name in names
            ]
            removed = purge(
                services,
                selections,
                confirm=lambda: options.yes or _confirm(console),
                console=console,
            )
    except ConfigurationError as error:
        parser.error(str(error))
    except (InUseError, AirflowException, GoogleAPIError, GoogleAuthError, OSError) as error:
        print(f"retraining.purge: {error}", file=sys.stderr)
        return 1
    return 0 if removed else 1


def _confirm(console: Console) -> bool:
    try:
        return Confirm.ask("Remove all of this?", console=console, default=False)
    except EOFError:  # no terminal
        return False


def _choose_versions(
    selection: Selection, versions: Sequence[ModelVersion], served: set[str], *, alone: bool
) -> list[ModelVersion]:
    """Return the chosen versions; `alone` says that the model has no others than these."""
    dataset = selection.dataset
    chosen = [version for version in versions if selection.includes(version.created)]
    if selection.slug is not None:
        chosen = [version for version in chosen if version.labels.get(naming.RUN_LABEL) == selection.slug]
    if not selection.with_production:
        in_use = served if selection.is_whole else served & {version.version for version in chosen}
        if in_use and selection.before is None:
            raise InUseError(
                f"production serves version {', '.join(sorted(in_use, key=int))} of {dataset}; "
                "--with-production (make: PRODUCTION=yes) ends that, too"
            )
        chosen = [version for version in chosen if version.version not in in_use]
    default = next((version for version in chosen if naming.DEFAULT_ALIAS in version.aliases), None)
    if default is None or (alone and len(chosen) == len(versions)):
        return chosen
    if selection.before is None:
        raise InUseError(
            f"version {default.version} of {dataset} is the model's default; "
            "promote another version, or purge the whole dataset"
        )
    return [version for version in chosen if version is not default]


def _jobs(found: Sequence[Any], selection: Selection, kept: Sequence[ModelVersion]) -> dict[str, str]:
    if selection.before is not None:
        runs = {version.labels.get(naming.RUN_LABEL) for version in kept}
        found = [
            job
            for job in found
            if job.state.name in ENDED
            and selection.includes(job.create_time)
            and job.labels.get(naming.RUN_LABEL) not in runs
        ]
    return {job.name: job.state.name for job in found}


def _folders(
    services: GoogleServices, selection: Selection, kept: Sequence[ModelVersion], going_on: Collection[str]
) -> dict[str, int]:
    names, storage = services.names(selection.dataset), services.storage
    runs = names.runs_folder
    if selection.is_whole:
        folders = [runs, names.data_folder, names.history_folder]
    else:
        # By age a job that goes on stays, and needs its checkpoints; of one run it is ended before.
        slugs = set(storage.folders(runs)) - set(going_on) if selection.slug is None else {selection.slug}
        # A version that stays keeps the folder that it was made of.
        needed = tuple(f"{version.artifact_uri}/" for version in kept)
        candidates = [f"{runs}{slug}/" for slug in sorted(slugs)]
        folders = [folder for folder in candidates if not any(uri.startswith(folder) for uri in needed)]
    usages = {folder: storage.usage(folder) for folder in folders}
    return {
        folder: usage.objects
        for folder, usage in usages.items()
        if usage.objects and selection.includes(usage.last_write)
    }


def _argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m retraining.purge",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Reads the deployment that the environment names; of a local stack: . .local/env",
    )
    add = parser.add_argument
    add("--dataset", type=_dataset, metavar="DATASET", help="default: all, with --older-than")
    add("--run", metavar="RUN", help="Airflow's run id or the name of the run's folder (default: all runs)")
    add("--older-than", dest="before", type=_time_before, metavar="AGE",
        help="jobs, versions and run folders of this age, 12h, 30d or 8w for instance")  # fmt: skip
    add("--yes", action="store_true", help="don't ask")
    add("--with-production", action="store_true", help="also what production serves")
    return parser


def _dataset(name: str) -> str:
    if not _is_dataset(name):
        raise argparse.ArgumentTypeError(f"expected a dataset's name, received {name!r}")
    return name


def _time_before(age: str) -> datetime:
    found = re.fullmatch(r"(\d{1,5})([hdw])", age)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected an age, 12h, 30d or 8w for instance, received {age!r}")
    return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})


def _is_dataset(name: str) -> bool:
    try:
        naming.check_dataset_name(name)
    except ContractError:
        return False
    return True


def _short(name: str) -> str:
    """Return a resource name without project and region."""
    return name.split("/", maxsplit=4)[-1]


if __name__ == "__main__":
    sys.exit(main())
