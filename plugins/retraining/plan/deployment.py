"""A plan for a deployment as it is now: its Airflow, its bucket, its source, its tiers."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contract import DatasetSpec, naming
from contract.artifacts import DatasetInfo
from retraining.dag import build_training_dag
from retraining.google.storage import Storage
from retraining.params import SOURCE, SPOT, TIER
from retraining.plan.airflow_runs import intervals, past_runs
from retraining.plan.planner import Reprocess, plan
from retraining.plan.runs import Plan
from retraining.plan.times import time_text
from retraining.settings import Settings
from retraining.source import open_source
from retraining.tiers import find_tier, load_tiers

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a backfill.

    Attributes:
        since: the first logical date; Airflow takes a mere date as its midnight, UTC.
        until: the last logical date, which still belongs to it.
        source: a folder or a `gs://` URI in place of the spec's; empty for that.
        tier: in place of the spec's; empty for that.
        spot: train on spare capacity.
        reprocess: which runs that exist already are made again.
        parallel: how many runs go on at a time; the spec allows no more than its own limit, and 0 is that.
    """

    since: datetime
    until: datetime
    source: str = ""
    tier: str = ""
    spot: bool = False
    reprocess: Reprocess = "none"
    parallel: int = 0


def plan_backfill(
    spec: DatasetSpec, request: Request, settings: Settings, storage: Storage, session: Session
) -> Plan:
    """What a backfill would do now; makes nothing.

    Args:
        spec: the dataset.
        request: what is asked.
        settings: the deployment.
        storage: its bucket, and what else it may read.
        session: of Airflow's database.

    Raises:
        ConfigurationError: the dataset has no schedule, the times are in the wrong order, there is no such
            tier, or the source or Airflow's database can't be read.
    """
    dag = build_training_dag(spec)
    tiers = load_tiers(settings.tiers_file)
    tier = find_tier(request.tier or spec.training.tier, tiers)
    found = intervals(dag, since=request.since, until=request.until, now=datetime.now(UTC))
    past = past_runs(dag.dag_id, spec, session)
    return plan(
        spec,
        dag_id=dag.dag_id,
        intervals=found,
        past=past,
        source=open_source(request.source or spec.source, settings, storage),
        converted=lambda key: _is_committed(storage, settings, spec, key),
        tiers=tiers,
        tier=tier,
        spot=request.spot,
        reprocess=request.reprocess,
        parallel=min(request.parallel or spec.max_active_runs, spec.max_active_runs),
    )


def airflow_command(spec: DatasetSpec, request: Request, planned: Plan) -> str:
    """The command that makes the backfill of a plan."""
    defaults = {SOURCE: spec.source, TIER: spec.training.tier, SPOT: False}
    asked = {SOURCE: request.source, TIER: request.tier, SPOT: request.spot}
    conf = {name: value for name, value in asked.items() if value and value != defaults[name]}
    options = {
        "--dag-id": planned.dag_id,
        "--from-date": time_text(request.since),
        "--to-date": time_text(request.until),
        "--reprocess-behavior": request.reprocess,
        "--max-active-runs": str(planned.parallel),
        **({"--dag-run-conf": json.dumps(conf)} if conf else {}),
    }
    return shlex.join(["airflow", "backfill", "create", *(word for pair in options.items() for word in pair)])


def _is_committed(storage: Storage, settings: Settings, spec: DatasetSpec, key: str) -> bool:
    return storage.exists(naming.tfrecord_folder(settings.bucket, spec.name, key) + DatasetInfo.FILENAME)
