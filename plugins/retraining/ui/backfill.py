"""The plan of a backfill: a page with a form, and what the plan says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.configuration import conf
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, BeforeValidator

from contract import ContractError, DatasetSpec
from retraining.errors import ConfigurationError
from retraining.plan import Reprocess
from retraining.plan.deployment import BackfillRequest, airflow_command, plan_backfill
from retraining.plan.runs import COLUMNS, NUMERIC_COLUMNS, parse_time
from retraining.source import open_source
from retraining.spec import read_spec
from retraining.tiers import load_tiers
from retraining.ui.access import MAY_BACKFILL, dataset_of
from retraining.ui.pages import page
from retraining.ui.services import Services, services

router = APIRouter()

REPROCESS: dict[Reprocess, str] = {
    "none": "leave them",
    "failed": "repeat the failed ones",
    "completed": "repeat them all",
}


class Asked(BaseModel):
    """The form's fields; one that is left empty is as if it were not there."""

    since: str = ""
    until: str = ""
    source: str = ""
    tier: str = ""
    spot: bool = False
    reprocess: Reprocess = "none"
    parallel: Annotated[int, BeforeValidator(lambda text: text or 0)] = 0

    def request(self) -> BackfillRequest:
        """What they ask.

        Raises:
            ConfigurationError: a field has a value that it can't have.
        """
        times = {}
        for field, text in (("from", self.since), ("to", self.until)):
            try:
                times[field] = parse_time(text)
            except ConfigurationError as error:
                raise ConfigurationError(f"{field}: {error}") from error
        if self.parallel < 0:
            raise ConfigurationError(f"at a time: expected 1 or more, received {self.parallel}")
        return BackfillRequest(
            since=times["from"],
            until=times["to"],
            source=self.source.strip(),
            tier=self.tier,
            spot=self.spot,
            reprocess=self.reprocess,
            parallel=self.parallel,
        )


@router.get("/backfills/{dag_id}", dependencies=[MAY_BACKFILL])
def backfill(dag_id: str, asked: Annotated[Asked, Query()], session: SessionDep) -> Response:
    """What a backfill of a dataset would do now."""
    dataset = dataset_of(dag_id)
    if dataset is None:
        return page("no_training.html", dag_id=dag_id)
    found = services()
    try:
        spec = read_spec(dataset, Path(conf.get_mandatory_value("core", "dags_folder")))
        tiers = load_tiers(found.settings.tiers_file)
    except (ConfigurationError, ContractError) as error:
        return page("failed.html", status_code=500, error=error)
    form: dict[str, Any] = {
        "dag_id": dag_id,
        "spec": spec,
        "tiers": tiers,
        "reprocess": REPROCESS,
        "asked": asked,
    }
    try:
        if not isinstance(spec.schedule, str):
            return page("backfill.html", **form)
        if not asked.since and not asked.until:
            return page("backfill.html", **form | {"asked": everything(spec, found)})
        request = asked.request()
        plan = plan_backfill(spec, request, found, session)
    except (ConfigurationError, ContractError) as error:
        return page("backfill.html", status_code=400, problem=str(error), **form)
    table: dict[str, Any] = {"columns": COLUMNS, "numeric_columns": NUMERIC_COLUMNS}
    return page("backfill.html", plan=plan, command=airflow_command(spec, request, plan), **form, **table)


def everything(spec: DatasetSpec, found: Services) -> Asked:
    """What the form begins with: all partitions of the source; nothing where it has none.

    Raises:
        ConfigurationError: the source can't be read.
    """
    if spec.partitioning is None:
        return Asked()
    names = open_source(spec.source, found.settings, found.storage).names
    starts = [interval.start for name in names if (interval := spec.partitioning.interval_of(name))]
    return Asked(since=min(starts).isoformat(), until=max(starts).isoformat()) if starts else Asked()
