"""The methods of Dataflow v1b3 and where they are found, by its discovery document.

https://dataflow.googleapis.com/$discovery/rest?version=v1b3
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from emulator.routing import Handler, Route

if TYPE_CHECKING:
    from emulator.dataflow.service import DataflowService

_SERVICE = "Dataflow"
_PROJECT = "/v1b3/projects/{project}"
_LOCATION = f"{_PROJECT}/locations/{{location}}"

# Below a project and below a location alike: the method's name, its HTTP method, its path.
_EVERYWHERE = (
    ("jobs.create", "POST", "/jobs"),
    ("jobs.list", "GET", "/jobs"),
    ("jobs.get", "GET", "/jobs/{job}"),
    ("jobs.update", "PUT", "/jobs/{job}"),
    ("jobs.getMetrics", "GET", "/jobs/{job}/metrics"),
    ("jobs.messages.list", "GET", "/jobs/{job}/messages"),
    ("jobs.snapshot", "POST", "/jobs/{job}:snapshot"),
    ("jobs.debug.getConfig", "POST", "/jobs/{job}/debug/getConfig"),
    ("jobs.debug.sendCapture", "POST", "/jobs/{job}/debug/sendCapture"),
    ("jobs.workItems.lease", "POST", "/jobs/{job}/workItems:lease"),
    ("jobs.workItems.reportStatus", "POST", "/jobs/{job}/workItems:reportStatus"),
    ("snapshots.get", "GET", "/snapshots/{snapshot}"),
    ("snapshots.list", "GET", "/snapshots"),
    ("templates.create", "POST", "/templates"),
    ("templates.get", "GET", "/templates:get"),
    ("templates.launch", "POST", "/templates:launch"),
    ("workerMessages", "POST", "/WorkerMessages"),
)
_ONLY_PROJECT = (
    ("jobs.debug.getWorkerStacktraces", "POST", "/jobs/{job}/debug/getWorkerStacktraces"),
    ("jobs.aggregated", "GET", "/jobs:aggregated"),
    ("deleteSnapshots", "DELETE", "/snapshots"),
    ("templateVersions.list", "GET", "/templateVersions"),
    ("catalogTemplates.commit", "POST", "/catalogTemplates/{template}:commit"),
    ("catalogTemplates.delete", "DELETE", "/catalogTemplates/{template}"),
    ("catalogTemplates.get", "GET", "/catalogTemplates/{template}"),
    ("catalogTemplates.label", "POST", "/catalogTemplates/{template}:label"),
    ("catalogTemplates.tag", "POST", "/catalogTemplates/{template}:tag"),
    ("catalogTemplates.templateVersions.create", "POST", "/catalogTemplates/{template}/templateVersions"),
)
_ONLY_LOCATION = (
    ("flexTemplates.launch", "POST", "/flexTemplates:launch"),
    ("jobs.getExecutionDetails", "GET", "/jobs/{job}/executionDetails"),
    ("jobs.stages.getExecutionDetails", "GET", "/jobs/{job}/stages/{stage}/executionDetails"),
    ("jobs.snapshots.list", "GET", "/jobs/{job}/snapshots"),
    ("snapshots.delete", "DELETE", "/snapshots/{snapshot}"),
    ("deployments.create", "POST", "/deployments"),
    ("deployments.list", "GET", "/deployments"),
    ("deployments.get", "GET", "/deployments/{deployment}"),
    ("deployments.delete", "DELETE", "/deployments/{deployment}"),
    ("deployments.patch", "PATCH", "/deployments/{deployment}"),
    ("deployments.listRevisions", "GET", "/deployments/{deployment}:listRevisions"),
    ("deployments.rollback", "POST", "/deployments/{deployment}:rollback"),
)


def routes(service: DataflowService) -> list[Route]:
    """Every method; those that aren't emulated have no handler."""
    handlers: Mapping[str, Handler] = {
        "jobs.create": service.create_job,
        "jobs.list": service.list_jobs,
        "jobs.aggregated": service.aggregate_jobs,
        "jobs.get": service.get_job,
        "jobs.update": service.update_job,
        "jobs.getMetrics": service.get_metrics,
        "jobs.messages.list": service.list_messages,
    }
    places = (
        ("dataflow.projects", _PROJECT, _EVERYWHERE + _ONLY_PROJECT),
        ("dataflow.projects.locations", _LOCATION, _EVERYWHERE + _ONLY_LOCATION),
    )
    return [
        Route(_SERVICE, f"{prefix}.{name}", http_method, f"{start}{path}", handlers.get(name))
        for prefix, start, methods in places
        for name, http_method, path in methods
    ]
