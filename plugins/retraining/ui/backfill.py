"""Page of a backfill's plan: a form, and the plan that its values give."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.configuration import conf
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, BeforeValidator

from contract import ContractError, DatasetSpec
from contract.naming import dataset_of
from retraining.context import GoogleServices
from retraining.errors import ConfigurationError
from retraining.plan import Reprocess
from retraining.plan.deployment import BackfillRequest, airflow_command, plan_backfill
from retraining.plan.runs import COLUMNS, NUMERIC_COLUMNS, parse_time
from retraining.source_access import open_source
from retraining.spec import read_spec
from retraining.ui.dependencies import CAN_CREATE_RUNS, google_services
from retraining.ui.pages import page

router = APIRouter()

REPROCESS: dict[Reprocess, str] = {
    "none": "leave unchanged",
    "failed": "repeat failed runs",
    "completed": "repeat all runs",
}


class BackfillForm(BaseModel):
    """Fields of the form; a browser sends empty ones, too."""

    since: str = ""
    until: str = ""
    source: str = ""
    tier: str = ""
    spot: bool = False
    reprocess: Reprocess = "none"
    parallel: Annotated[int, BeforeValidator(lambda text: text or 0)] = 0

    def request(self) -> BackfillRequest:
        """Return the parameters of the backfill.

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
            raise ConfigurationError(f"max active runs: expected 1 or more, received {self.parallel}")
        return BackfillRequest(
            since=times["from"],
            until=times["to"],
            source=self.source.strip(),
            tier=self.tier,
            spot=self.spot,
            reprocess=self.reprocess,
            parallel=self.parallel,
        )


@router.get("/backfills/{dag_id}", dependencies=[CAN_CREATE_RUNS])
def backfill(dag_id: str, form: Annotated[BackfillForm, Query()], session: SessionDep) -> Response:
    """Show the form, and the plan of the backfill that it describes."""
    dataset = dataset_of(dag_id)
    if dataset is None:
        return page("other_dag.html", dag_id=dag_id)
    services = google_services()
    try:
        spec = read_spec(dataset, Path(conf.get_mandatory_value("core", "dags_folder")))
        tiers = services.settings.tiers
    except (ConfigurationError, ContractError) as error:
        return page("failed.html", status_code=500, error=error)
    values: dict[str, Any] = {
        "dag_id": dag_id,
        "spec": spec,
        "tiers": tiers,
        "reprocess": REPROCESS,
        "form": form,
    }
    try:
        if not isinstance(spec.schedule, str):
            return page("backfill.html", **values)
        if not form.since and not form.until:
            return page("backfill.html", **values | {"form": all_partitions(spec, services)})
        request = form.request()
        plan = plan_backfill(spec, request, services, session, reads_files=False)
    except (ConfigurationError, ContractError) as error:
        return page("backfill.html", status_code=400, problem=str(error), **values)
    return page(
        "backfill.html",
        plan=plan,
        command=airflow_command(spec, request, plan),
        columns=COLUMNS,
        numeric_columns=NUMERIC_COLUMNS,
        **values,
    )


def all_partitions(spec: DatasetSpec, services: GoogleServices) -> BackfillForm:
    """Return the form for all partitions of the source; empty where it has none.

    Raises:
        ConfigurationError: the source can't be read.
    """
    if spec.partitioning is None:
        return BackfillForm()
    names = open_source(spec, "", services.settings, services.storage).names
    starts = [interval.start for name in names if (interval := spec.partitioning.interval_of(name))]
    return (
        BackfillForm(since=min(starts).isoformat(), until=max(starts).isoformat())
        if starts
        else BackfillForm()
    )
