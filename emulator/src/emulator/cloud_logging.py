"""Cloud Logging, API v2.

Entries come from the output of the replicas of custom jobs and of tuning jobs' trials (`ml_job`) and of
Dataflow's workers, and from the messages of Dataflow's jobs (`dataflow_step`). Deviations:

- The query language has comparisons, `AND`, `OR`, `NOT`, parentheses, lists of values and `log_id()`; other
  functions are refused. Regular expressions are Python's, not RE2's.
- A line is an entry. A line that is a JSON object becomes the payload; others become `jsonPayload.message`.
  Severity is the level that a line names at its start, else INFO for standard output and ERROR for standard
  error.
- An entry can be read as soon as it was written, and as long as its job's folder is there.
- `resourceNames` takes projects only.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.config import Config
from emulator.errors import InvalidArgument, ResourceExhausted
from emulator.filter_conditions import Condition, required_value
from emulator.filters import parse_filter
from emulator.job_logs import LogSource, dataflow_logs, vertex_logs
from emulator.json_bodies import read_json
from emulator.limits import LOG_PAGE_SIZE
from emulator.routing import Route
from emulator.state import State

_SERVICE = "Cloud Logging"
_DEFAULT_PAGE_SIZE = 50
_MAX_PAGE_SIZE = LOG_PAGE_SIZE.value
_MINUTE_SECONDS = 60.0

Position: TypeAlias = tuple[datetime, str]
"""Place of an entry in the order: its time, then its `insertId`."""


class ReadQuota:
    """Quota of reads by project, in the last minute at any time.

    https://cloud.google.com/logging/quotas#api-limits
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[str, deque[float]] = defaultdict(deque)

    def take(self, project: str, *, at: float) -> None:
        """Count a read.

        Args:
            project: whose quota it uses.
            at: the time, in seconds.

        Raises:
            ResourceExhausted: the project has made as many within a minute; this one doesn't count.
        """
        times = self._times[project]
        while times and times[0] <= at - _MINUTE_SECONDS:
            times.popleft()
        if len(times) >= self._most:
            raise ResourceExhausted(
                "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute' of "
                f"service 'logging.googleapis.com' for consumer 'projects/{project}'."
            )
        times.append(at)


class LoggingService:
    """Cloud Logging v2, as far as it reads the logs of jobs."""

    def __init__(self, config: Config, state: State) -> None:
        self._config = config
        self._state = state
        self._quota = ReadQuota(config.capacity.log_reads)

    @property
    def routes(self) -> list[Route]:
        """Route of `entries.list`, and of the methods that aren't emulated."""
        return [
            Route(_SERVICE, "logging.entries.list", "POST", "/v2/entries:list", self.list_entries),
            Route(_SERVICE, "logging.entries.write", "POST", "/v2/entries:write", None),
            Route(_SERVICE, "logging.entries.tail", "POST", "/v2/entries:tail", None),
            Route(_SERVICE, "logging.entries.copy", "POST", "/v2/entries:copy", None),
            Route(_SERVICE, "logging.projects.logs.list", "GET", "/v2/{parent=projects/*}/logs", None),
            Route(_SERVICE, "logging.projects.logs.delete", "DELETE", "/v2/{name=projects/*/logs/*}", None),
            Route(
                _SERVICE,
                "logging.monitoredResourceDescriptors.list",
                "GET",
                "/v2/monitoredResourceDescriptors",
                None,
            ),
        ]

    def start(self) -> None:
        """Do nothing: the service has no background work."""

    def stop(self) -> None:
        """Do nothing: the service has no background work."""

    async def list_entries(self, request: Request, _fields: Mapping[str, str]) -> Response:
        """Handle `entries.list`."""
        query = await read_json(request)
        for field in ("filter", "orderBy", "pageToken"):
            if not isinstance(query.get(field, ""), str):
                raise InvalidArgument(f"{field}: expected text, received {query[field]!r}")
        for project in _projects(query):
            self._quota.take(project, at=time.monotonic())
        return JSONResponse(await run_in_threadpool(self._list, query))

    def _list(self, query: Mapping[str, Any]) -> dict[str, Any]:
        condition = parse_filter(query.get("filter", ""))
        descending = _is_descending(query.get("orderBy", ""))
        size = _page_size(query.get("pageSize", 0))
        token = query.get("pageToken", "")
        after = _read_token(token) if token else None
        found = [
            (_position(entry), entry)
            for source in self._sources(_projects(query), condition)
            for entry in source.entries()
            if condition.matches(entry)
        ]
        found.sort(key=lambda item: item[0], reverse=descending)
        if after is not None:
            found = [item for item in found if (item[0] < after if descending else item[0] > after)]
        answer: dict[str, Any] = {"entries": [entry for _, entry in found[:size]]}
        if len(found) > size:
            answer["nextPageToken"] = _write_token(found[size - 1][0])
        return answer

    def _sources(self, projects: list[str], condition: Condition) -> Iterator[LogSource]:
        """Yield the logs that can hold matching entries: only they are read."""
        wanted_type = required_value(condition, ("resource", "type"))
        wanted_job = required_value(condition, ("resource", "labels", "job_id"))
        for project in projects:
            for source in itertools.chain(
                dataflow_logs(self._config, self._state, project),
                vertex_logs(self._config, self._state, project),
            ):
                if wanted_type in (None, source.resource_type) and wanted_job in (
                    None,
                    source.resource_labels["job_id"],
                ):
                    yield source


def _projects(query: Mapping[str, Any]) -> list[str]:
    names = query.get("resourceNames", [])
    if not isinstance(names, list) or not names:
        raise InvalidArgument(f"resourceNames: expected a list of projects/PROJECT, received {names!r}")
    for name in names:
        parts = str(name).split("/")
        if len(parts) != 2 or parts[0] != "projects":
            raise InvalidArgument(f"resourceNames: expected projects/PROJECT, received {name!r}")
    return list(dict.fromkeys(name.split("/")[1] for name in names))


def _is_descending(order: str) -> bool:
    words = order.lower().split()
    if words not in ([], ["timestamp"], ["timestamp", "asc"], ["timestamp", "desc"]):
        raise InvalidArgument(f"orderBy: expected timestamp asc or timestamp desc, received {order!r}")
    return words[-1:] == ["desc"]


def _page_size(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise InvalidArgument(f"pageSize: expected 0 to {_MAX_PAGE_SIZE}, received {value!r}")
    return min(value, _MAX_PAGE_SIZE) or _DEFAULT_PAGE_SIZE


def _position(entry: Mapping[str, Any]) -> Position:
    return datetime.fromisoformat(entry["timestamp"]), entry["insertId"]


def _write_token(position: Position) -> str:
    text = json.dumps([position[0].isoformat(), position[1]])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_token(token: str) -> Position:
    try:
        timestamp, insert_id = json.loads(base64.urlsafe_b64decode(token))
        return datetime.fromisoformat(timestamp), insert_id
    except (ValueError, TypeError):
        raise InvalidArgument(f"pageToken: expected one of an earlier answer, received {token!r}") from None
