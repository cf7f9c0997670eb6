"""Client of Airflow's public REST API; `airflow ...` takes five seconds a call.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx

from local import StackError

FINAL_RUN_STATES = frozenset({"success", "failed"})
_TIMEOUT_SECONDS = 30
_ATTEMPTS = 5


@dataclass(frozen=True, kw_only=True)
class TaskInstance:
    """One task of a run.

    Attributes:
        task_id: its name in the DAG.
        state: Airflow's term; `None` before it is scheduled.
        try_number: 0 before the first try.
        start: of the current or last try.
        end: of the last try.
    """

    task_id: str
    state: str | None
    try_number: int
    start: datetime | None
    end: datetime | None

    def seconds(self, now: datetime) -> float | None:
        """Return the duration of the current or last try; `None` before it started."""
        return ((self.end or now) - self.start).total_seconds() if self.start else None


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One entry of a task's log.

    Attributes:
        time: HH:MM:SS, or empty.
        level: `info` for instance, or empty.
        logger: name of the logger, or empty.
        text: the message.
        error: its exceptions, innermost last; mostly empty.
    """

    time: str
    level: str
    logger: str
    text: str
    error: str

    @classmethod
    def from_json(cls, entry: str | Mapping[str, Any]) -> LogLine:
        """Parse an entry of the API server: an object, or text where the log is not structured."""
        if isinstance(entry, str):
            return cls(time="", level="", logger="", text=entry, error="")
        errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
        return cls(
            time=str(entry.get("timestamp") or "")[11:19],
            level=str(entry.get("level") or ""),
            logger=str(entry.get("logger") or ""),
            text=str(entry["event"]),
            error="\n".join(errors),
        )

    @property
    def from_task(self) -> bool:
        """True if the task wrote it, not Airflow itself."""
        if self.text.startswith("::"):  # Airflow's log viewer folds sections between such lines
            return False
        if self.logger.startswith("airflow."):
            return self.logger.startswith("airflow.task.operators.")
        return bool(self.logger)

    def __str__(self) -> str:
        return " ".join(filter(None, [self.time, self.level.upper(), self.text, self.error]))


class AirflowClient:
    """HTTP client of one API server; a context manager.

    Every call raises StackError with the request and the server's response.
    """

    def __init__(self, url: str) -> None:
        # A proxy of the user's must never see what goes to this machine.
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def health(self) -> dict[str, str]:
        """Return component -> status; empty while the API server doesn't respond."""
        try:
            response = self._http.get("/api/v2/monitor/health", timeout=5)
            response.raise_for_status()
        except httpx.HTTPError:
            return {}
        return {component: str(value["status"]) for component, value in response.json().items() if value}

    def dag_ids(self) -> set[str]:
        """Return the ids of the DAGs that are parsed and not removed."""
        return {dag["dag_id"] for dag in self._get("/api/v2/dags", limit=100)["dags"]}

    def dag_import_errors(self) -> dict[str, str]:
        """Return DAG file -> traceback, for files that can't be parsed."""
        errors = self._get("/api/v2/importErrors", limit=100)["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in errors}

    def plugin_import_errors(self) -> dict[str, str]:
        """Return plugin file -> error, for plugins that can't be loaded."""
        errors = self._get("/api/v2/plugins/importErrors")["import_errors"]
        return {error["source"]: error["error"] for error in errors}

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG, so that its runs start."""
        self._request("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Trigger a run and return its id."""
        answer = self._request(
            "POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"conf": dict(conf), "logical_date": None}
        )
        return str(answer["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run, `queued` or `running` or one of FINAL_RUN_STATES."""
        return str(self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, which kills its tasks."""
        self._request("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", json={"state": "failed"})

    def run_end(self, dag_id: str, run_id: str) -> datetime:
        """Return the end time of a run in a final state."""
        return datetime.fromisoformat(self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["end_date"])

    def task_order(self, dag_id: str) -> list[str]:
        """Return the DAG's task ids in topological order."""
        tasks = self._get(f"/api/v2/dags/{dag_id}/tasks")["tasks"]
        downstream = {task["task_id"]: task["downstream_task_ids"] for task in tasks}
        order: list[str] = []

        def visit(task_id: str) -> None:
            if task_id not in order:
                for successor in downstream[task_id]:
                    visit(successor)
                order.append(task_id)

        for task_id in sorted(downstream):
            visit(task_id)
        return order[::-1]

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """Return the task instances of a run, in no particular order."""
        answer = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=100)
        return [
            TaskInstance(
                task_id=item["task_id"],
                state=item["state"],
                try_number=item["try_number"],
                start=_parse_time(item["start_date"]),
                end=_parse_time(item["end_date"]),
            )
            for item in answer["task_instances"]
        ]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return a task's XCom value; `None` if there is none."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        response = self._send("GET", path, params={"deserialize": "true"})
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return _checked(response)["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[LogLine]:
        """Return the lines of a task's log; empty if it has none yet."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        response = self._send("GET", path, headers={"Accept": "application/json"})
        if response.status_code == httpx.codes.NOT_FOUND:
            return []
        return [LogLine.from_json(entry) for entry in _checked(response)["content"]]

    def _get(self, path: str, **params: Any) -> Any:
        return self._request("GET", path, params=params)

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        return _checked(self._send(method, path, **arguments))

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        for attempt in range(_ATTEMPTS):
            try:
                self._log_in()
                return self._http.request(method, path, **arguments)
            except httpx.TransportError as error:
                # A repeated POST could trigger a second run.
                if method == "POST" or attempt == _ATTEMPTS - 1:
                    raise StackError(f"Airflow did not answer {method} {path}: {error!r}") from error
                time.sleep(2**attempt * 0.2)
        raise AssertionError("unreachable")

    def _log_in(self) -> None:
        if "Authorization" not in self._http.headers:
            token = _checked(self._http.get("/auth/token"))["access_token"]
            self._http.headers["Authorization"] = f"Bearer {token}"


def _checked(response: httpx.Response) -> Any:
    if response.is_error:
        request = response.request
        asked = f"{request.method} {request.url.path}"
        raise StackError(f"Airflow answered {asked} with {response.status_code}: {response.text[:500]}")
    return response.json()


def _parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
