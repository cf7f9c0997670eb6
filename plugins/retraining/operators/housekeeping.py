"""`remove`: what no policy keeps of all datasets, or a list of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from contract import ContractError, naming
from retraining.context import GoogleServices, run_context
from retraining.errors import ConfigurationError
from retraining.housekeeping import Housekeeping, RetentionPolicy, utc_now
from retraining.purge import known_datasets
from retraining.removal import Item, Outcome, find_temporary, remove_item
from retraining.spec import read_spec

if TYPE_CHECKING:
    from airflow.sdk import Context

DRY_RUN, DATASET = "dry_run", "dataset"


@dataclass(frozen=True)
class _Found:
    """Items of one dataset or of Dataflow, and the function that removes them."""

    subject: str
    items: Sequence[Item]
    remove: Callable[[Sequence[Item]], Iterable[Outcome]]


class HousekeepingOperator(BaseOperator):
    """Operator that lists what no policy keeps, and removes it unless the run is a dry run.

    Everything is listed before anything is removed. What can't be searched or removed is named at the end and
    fails the task; everything else is removed all the same.

    Args:
        policy: says what is kept.

    Returns:
        `found`, `removed` and `skipped` (numbers), `objects` of what was found, the number of `orphans`, and
        a `note`.
    """

    def __init__(self, *, policy: RetentionPolicy, **kwargs: Any) -> None:
        super().__init__(multiple_outputs=True, **kwargs)
        self.policy = policy
        self._errors: list[str] = []
        self._orphans: list[str] = []

    def execute(self, context: Context) -> dict[str, Any]:
        """List, and remove."""
        params = context["params"]
        self._errors, self._orphans = [], []
        try:
            with run_context(dict(context)) as services:
                datasets = _datasets(services, params.get(DATASET))
                found = [
                    *([] if params.get(DATASET) else self._search_temporary(services)),
                    *(one for dataset in datasets for one in self._search(context, services, dataset)),
                ]
                items = [item for group in found for item in group.items]
                for item in items:
                    self.log.info("%s", item)
                is_dry = params.get(DRY_RUN, self.policy.dry_run)
                outcomes = [] if is_dry else [one for group in found for one in self._remove(group)]
        except (ConfigurationError, ContractError) as error:
            raise AirflowFailException(str(error)) from error
        removed, skipped = (sum(one.kind == kind for one in outcomes) for kind in ("removed", "skipped"))
        what = "dry run: would remove" if is_dry else f"removed {removed} of"
        note = f"{what} {len(items)} items; datasets: {', '.join(datasets) or 'none'}"
        note += f"; {skipped} came into use" if skipped else ""
        note += f"; {len(self._orphans)} jobs go on that nobody waits for" if self._orphans else ""
        self.log.info(note)
        if self._errors:
            context["ti"].xcom_push(key="note", value=f"{note}; {len(self._errors)} errors")
            raise AirflowException(f"{note}; errors: {'; '.join(self._errors[:10])}")
        return {
            "found": len(items),
            "removed": removed,
            "skipped": skipped,
            "objects": sum(item.objects for item in items),
            "orphans": len(self._orphans),
            "note": note,
        }

    def _search_temporary(self, services: GoogleServices) -> list[_Found]:
        try:
            items = find_temporary(services, days=self.policy.temporary_days, now=utc_now())
        except Exception as error:  # the datasets all the same
            self._fail("dataflow", error)
            return []
        return [_Found("dataflow", items, lambda items: map(remove_item, items))]

    def _search(self, context: Context, services: GoogleServices, dataset: str) -> list[_Found]:
        """Return what to remove of a dataset, with the function that removes it; nothing after an error."""
        ti, dags = context["ti"], (naming.dag_id(dataset), naming.ROLLBACK_DAG)
        try:
            search = Housekeeping(
                services,
                dataset,
                self.policy,
                keep_replaced_minutes=_keep_replaced_minutes(dataset, services),
                now=utc_now(),
                is_under_way=lambda: any(ti.get_dr_count(dag_id=dag, states=["running"]) for dag in dags),
                report=self.log.info,
            )
            for line in search.orphans():
                self._orphans.append(line)
                self.log.warning("%s", line)
            return [_Found(dataset, search.find(), search.remove)]
        except Exception as error:  # a DAG file raises whatever it likes; the other datasets all the same
            self._fail(dataset, error)
            return []

    def _remove(self, found: _Found) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            for outcome in found.remove(found.items):
                outcomes.append(outcome)
                if outcome.kind == "skipped":
                    self.log.info("came into use or is gone, not removed: %s", outcome.item.name)
                elif outcome.kind == "failed":
                    self._errors.append(f"{outcome.item.name}: not removed: {outcome.error}")
        except Exception as error:  # the other datasets all the same
            self._fail(found.subject, error)
        return outcomes

    def _fail(self, subject: str, error: Exception) -> None:
        self.log.error("%s", subject, exc_info=error)
        self._errors.append(f"{subject}: {error}")


def _datasets(services: GoogleServices, asked: str | None) -> list[str]:
    """Return the names of the datasets to search.

    Raises:
        ConfigurationError: there is nothing of the one that was asked for.
    """
    known = known_datasets(services)
    if asked and asked not in known:
        raise ConfigurationError(f"dataset: expected one of {known}, received {asked!r}")
    return [asked] if asked else known


def _keep_replaced_minutes(dataset: str, services: GoogleServices) -> float:
    folder = Path(conf.get_mandatory_value("core", "dags_folder"))
    if not (folder / f"{naming.dag_id(dataset)}.py").exists():
        return 0.0  # nobody uses the dataset any more
    return services.serving(read_spec(dataset, folder)).keep_replaced_minutes or 0.0
