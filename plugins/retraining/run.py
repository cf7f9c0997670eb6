"""The DAG run that a task belongs to, and the names that are made from it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_OF_AN_INTERVAL = ("backfill", "scheduled")
_UNASKED = ("asset_triggered", "scheduled")
_MANUAL = "manual"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one DAG.

    Attributes:
        dag_id: the DAG.
        run_id: the run, unique within the DAG.
        data_until: no data of this time or later is for this run: the end of its data interval; for a run by
            hand its logical date or, since runs by REST have none, when it was asked for.
        of_interval: whether it was made for just this interval, by the schedule or a backfill.
        unasked: whether nobody asked for it: the schedule or an asset's event began it.
    """

    dag_id: str
    run_id: str
    data_until: datetime
    of_interval: bool = False
    unasked: bool = False

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Run:
        """The run of a task's context."""
        dag_run = context["dag_run"]
        interval_end, kind = dag_run.data_interval_end, dag_run.run_type
        # A run by hand is given the interval before it, which may end long before it.
        end = dag_run.logical_date if kind == _MANUAL else interval_end
        return cls(
            dag_id=dag_run.dag_id,
            run_id=dag_run.run_id,
            data_until=(end or dag_run.run_after).astimezone(UTC),
            of_interval=interval_end is not None and kind in _OF_AN_INTERVAL,
            unasked=kind in _UNASKED,
        )

    @property
    def slug(self) -> str:
        """Names the run in paths and labels: at most 49 characters of `[a-z0-9-]`, one for each run."""
        digest = hashlib.sha256(f"{self.dag_id}\n{self.run_id}".encode()).hexdigest()[:8]
        readable = re.sub(r"[^a-z0-9]+", "-", self.run_id.lower()).strip("-")[:40].strip("-")
        return f"{readable}-{digest}"
