"""The DAG run that a task belongs to, and the names that are made from it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_TIME_FORMAT = "%Y%m%dt%H%M%Sz"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one DAG.

    Attributes:
        dag_id: the DAG.
        run_id: the run, unique within the DAG.
        data_until: the end of the data interval; for a run by hand, when it was asked for.
    """

    dag_id: str
    run_id: str
    data_until: datetime

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Run:
        """The run of a task's context. Runs by REST have no logical date, so none is used."""
        dag_run = context["dag_run"]
        return cls(
            dag_id=dag_run.dag_id,
            run_id=dag_run.run_id,
            data_until=(dag_run.data_interval_end or dag_run.run_after).astimezone(UTC),
        )

    @property
    def slug(self) -> str:
        """Names the run in paths and labels: at most 49 characters of `[a-z0-9-]`, one for each run."""
        digest = hashlib.sha256(f"{self.dag_id}\n{self.run_id}".encode()).hexdigest()[:8]
        readable = re.sub(r"[^a-z0-9]+", "-", self.run_id.lower()).strip("-")[:40].strip("-")
        return f"{readable}-{digest}"

    @property
    def data_until_label(self) -> str:
        """`data_until` as a label's value; such values sort as the times do."""
        return self.data_until.astimezone(UTC).strftime(_TIME_FORMAT)
