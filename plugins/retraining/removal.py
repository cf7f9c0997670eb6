"""Items that housekeeping removes, and Dataflow's temporary files among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from contract import naming
from retraining.context import GoogleServices
from retraining.google.calls import CALL_TIMEOUT_SECONDS, retry
from retraining.google.storage import in_parallel

TEMPORARY = ("temp", "staging")
"""Purposes of Dataflow's folders in the bucket."""

_STAGING = timedelta(hours=1)
"""Longest time between the staging of a job's files and its creation."""


@dataclass(frozen=True)
class Item:
    """Something to remove.

    Attributes:
        kind: `deployment`, `version`, `job`, `folder` or `objects`.
        name: resource name, URI, or endpoint and version.
        reason: why no policy keeps it.
        objects: number of objects that go with it.
        remove: removes it.
    """

    kind: str
    name: str
    reason: str
    objects: int
    remove: Callable[[], None]

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name, which tell it from every other."""
        return self.kind, self.name

    def __str__(self) -> str:
        objects = f" ({self.objects:,} objects)" if self.objects else ""
        return f"{self.kind:<10} {self.name}{objects}: {self.reason}"


@dataclass(frozen=True)
class Outcome:
    """Result of an item's removal.

    Attributes:
        item: the item.
        kind: `removed`, `skipped` because it came into use or is gone, or `failed`.
        error: of a failure.
    """

    item: Item
    kind: Literal["removed", "skipped", "failed"]
    error: str = ""


def remove_item(item: Item) -> Outcome:
    """Remove an item; an error of the service is part of the result."""
    from airflow.sdk.exceptions import AirflowException
    from google.api_core.exceptions import GoogleAPIError, NotFound
    from google.auth.exceptions import GoogleAuthError

    try:
        item.remove()
    except NotFound:  # somebody else was faster
        return Outcome(item, "skipped")
    except (AirflowException, GoogleAPIError, GoogleAuthError, OSError) as error:
        return Outcome(item, "failed", str(error))
    return Outcome(item, "removed")


def find_temporary(services: GoogleServices, *, days: int, now: datetime) -> list[Item]:
    """Return Dataflow's temporary and staged files that are old enough, of the whole bucket.

    Those of a job that has been active for as long stay.

    Args:
        services: of the deployment.
        days: their age.
        now: the time, UTC.
    """
    begun = [job.create_time - _STAGING for job in active_dataflow_jobs(services)]
    limit = min([now - timedelta(days=days), *begun])
    storage, found = services.storage, []
    for purpose in TEMPORARY:
        folder = naming.dataflow_folder(services.settings.bucket, purpose)
        old = storage.written_before(folder, limit)
        if old:
            reason = f"written more than {days} days ago"
            found.append(Item("objects", folder, reason, len(old), partial(in_parallel, storage.delete, old)))
    return found


def active_dataflow_jobs(services: GoogleServices) -> list[Any]:
    """Return the active jobs of Dataflow in the project and region, whosoever they are."""
    from google.cloud.dataflow_v1beta3 import ListJobsRequest

    clients = services.clients
    request = {
        "project_id": clients.project,
        "location": clients.region,
        "filter": ListJobsRequest.Filter.ACTIVE,
    }
    return list(
        clients.dataflow_jobs.list_jobs(
            request=request, retry=retry(CALL_TIMEOUT_SECONDS), timeout=CALL_TIMEOUT_SECONDS
        )
    )
