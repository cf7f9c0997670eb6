"""`remove`: what no policy keeps of all datasets, or a list of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contract import ContractError
from retraining.context import GoogleServices, run_context
from retraining.errors import ConfigurationError
from retraining.housekeeping import Housekeeping, Item, RetentionPolicy, find_temporary, utc_now
from retraining.purge import known_datasets
from retraining.spec import read_spec

if TYPE_CHECKING:
    from airflow.sdk import Context

DRY_RUN, DATASET = "dry_run", "dataset"


class HousekeepingOperator(BaseOperator):
    """Operator that lists what no policy keeps, and removes it unless the run is a dry run.

    What can't be removed is named at the end, and fails the task; everything else is removed all the same.

    Args:
        policy: says what is kept.

    Returns:
        `found` and `removed` (numbers), `objects` in the folders found, and a `note`.
    """

    def __init__(self, *, policy: RetentionPolicy, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.policy = policy

    def execute(self, context: Context) -> dict[str, Any]:
        """List, and remove."""
        params = context["params"]
        dry_run = params.get(DRY_RUN, self.policy.dry_run)
        try:
            with run_context(dict(context)) as services:
                datasets = [params[DATASET]] if params.get(DATASET) else known_datasets(services)
                items = find_temporary(services, self.policy, now=utc_now())
                for dataset in datasets:
                    items += self._of(services, dataset)
                for item in items:
                    self.log.info("%s", item)
                failed = [] if dry_run else self._remove(items)
        except (ConfigurationError, ContractError) as error:
            raise AirflowFailException(str(error)) from error
        removed = 0 if dry_run else len(items) - len(failed)
        what = "dry run: would remove" if dry_run else "removed"
        note = f"{what} {len(items) if dry_run else removed} of {len(datasets)} datasets"
        self.log.info(note)
        if failed:
            raise AirflowException(f"{note}; not removed: {'; '.join(failed[:10])}")
        objects = sum(item.objects for item in items)
        return {"found": len(items), "removed": removed, "objects": objects, "note": note}

    def _of(self, services: GoogleServices, dataset: str) -> Sequence[Item]:
        try:
            spec = read_spec(dataset, Path(conf.get_mandatory_value("core", "dags_folder")))
            keep = spec.serving.keep_replaced_minutes
        except ConfigurationError:  # its DAG file is gone
            keep = 0.0
        return Housekeeping(services, dataset, self.policy, keep_replaced_minutes=keep, now=utc_now()).find()

    def _remove(self, items: Sequence[Item]) -> list[str]:
        """Remove items; return a sentence for each that could not be removed."""
        from google.api_core.exceptions import GoogleAPIError

        failed = []
        for item in items:
            try:
                item.remove()
            except (GoogleAPIError, AirflowException) as error:  # it came into use since, for instance
                failed.append(f"{item.name}: {error}")
        return failed
