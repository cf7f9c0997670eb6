"""Routes and messages of Dataflow v1b3: enumerations come as names or numbers, unknown fields are ignored.

https://dataflow.googleapis.com/$discovery/rest?version=v1b3
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from google.cloud.dataflow_v1beta3 import types
from google.protobuf import json_format
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from emulator.errors import InvalidArgument
from emulator.json_bodies import UNPARSABLE, read_json
from emulator.routing import Handler, Route

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
_DEFAULT_PAGE_SIZE = 100
_HEAVY_FIELDS = frozenset({"environment", "steps", "stepsLocation", "pipelineDescription"})
T = TypeVar("T")


def routes(handlers: Mapping[str, Handler]) -> list[Route]:
    """Return the routes of every method.

    Args:
        handlers: a method's name below its project or location, `jobs.create` for instance -> its handler;
            those without one aren't emulated.
    """
    places = (
        ("dataflow.projects", _PROJECT, _EVERYWHERE + _ONLY_PROJECT),
        ("dataflow.projects.locations", _LOCATION, _EVERYWHERE + _ONLY_LOCATION),
    )
    return [
        Route(_SERVICE, f"{prefix}.{name}", http_method, f"{start}{path}", handlers.get(name))
        for prefix, start, methods in places
        for name, http_method, path in methods
    ]


async def read_job(request: Request) -> dict[str, Any]:
    """Read the Job in a request's body, as JSON with enumerations by name.

    Raises:
        InvalidArgument: it is no JSON, or a field has a value of the wrong type.
    """
    message = types.Job.pb(types.Job())
    document = await read_json(request)
    try:
        await run_in_threadpool(json_format.ParseDict, document, message, ignore_unknown_fields=True)
    except UNPARSABLE as error:
        raise InvalidArgument(f"job: {error}") from error
    return json_format.MessageToDict(message)


def enum_parameter(query: Mapping[str, str], name: str, enum: Any) -> str:
    """Return the name of an enumeration's value in a query; that of 0 if it isn't there.

    Raises:
        InvalidArgument: the enumeration has no such value.
    """
    text = query.get(name, "0")
    try:
        return str(enum(int(text)).name if text.isdigit() else enum[text].name)
    except (KeyError, ValueError):
        expected = "one of " + ", ".join(value.name for value in enum)
        raise InvalidArgument(f"{name}: expected {expected}, received {text!r}") from None


def time_parameter(query: Mapping[str, str], name: str) -> datetime | None:
    """Return a time in a query; `None` if it isn't there.

    Raises:
        InvalidArgument: it isn't RFC 3339.
    """
    text = query.get(name, "")
    return parse_time(text, field=name) if text else None


def parse_time(text: str, *, field: str) -> datetime:
    """Parse a time in RFC 3339; digits behind the microseconds are dropped.

    Raises:
        InvalidArgument: it is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidArgument(f"{field}: expected a time in RFC 3339, received {text!r}")
    return time


def page(items: Sequence[tuple[int, T]], query: Mapping[str, str]) -> tuple[list[T], str]:
    """Return a page of items and the token of the next page, empty for the last.

    Args:
        items: each with a number that it keeps, in rising order.
        query: `pageSize`, and the `pageToken` that the page before gave.

    Raises:
        InvalidArgument: a parameter has a value that it can't have.
    """
    size = _integer(query, "pageSize", 0)
    if size < 0:
        raise InvalidArgument(f"pageSize: expected 0 or more, received {size}")
    rest = list(items)
    if query.get("pageToken"):
        last = _integer(query, "pageToken", 0)
        rest = [(number, item) for number, item in items if number > last]
    shown = rest[: size or _DEFAULT_PAGE_SIZE]
    token = str(shown[-1][0]) if len(shown) < len(rest) else ""
    return [item for _, item in shown], token


def job_view(job: Mapping[str, Any], view: str) -> dict[str, Any]:
    """Return a job as a JobView shows it: only `JOB_VIEW_ALL` has the environment and the steps."""
    if view == "JOB_VIEW_ALL":
        return dict(job)
    return {field: value for field, value in job.items() if field not in _HEAVY_FIELDS}


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    try:
        return int(text) if text else default
    except ValueError:
        raise InvalidArgument(f"{name}: expected a number, received {text!r}") from None
