"""The few calls of Vertex AI's REST API that removing takes.

https://cloud.google.com/vertex-ai/docs/reference/rest
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from local.environment import PROJECT, REGION
from local.errors import StackError

PARENT = f"projects/{PROJECT}/locations/{REGION}"

_TIMEOUT_SECONDS = 60
_WAIT_SECONDS = 120
_POLL_SECONDS = 0.3
_FINAL_JOB_STATES = frozenset(
    {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"}
)


class Vertex:
    """Speaks to one emulator; a context manager. Every call raises StackError with the service's words."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/v1/", timeout=_TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def resources(self, collection: str, *, labels: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """The resources of a collection, `customJobs` for instance, that carry these labels."""
        query = {"pageSize": "100"}
        if labels:
            query["filter"] = " AND ".join(f'labels.{name}="{value}"' for name, value in labels.items())
        return self._pages(f"{PARENT}/{collection}", collection, query)

    def versions(self, model: str) -> list[dict[str, Any]]:
        """The versions of a model; none if there is no such model."""
        if not any(found["name"] == f"{PARENT}/models/{model}" for found in self.resources("models")):
            return []
        return self._pages(f"{PARENT}/models/{model}:listVersions", "models", {"pageSize": "100"})

    def end_job(self, name: str) -> None:
        """Cancel a job that goes on, and wait for its end."""

        def ended() -> bool:
            return self._request("GET", name)["state"] in _FINAL_JOB_STATES

        if not ended():
            self._request("POST", f"{name}:cancel")
            self._wait(ended, f"the end of {name}")

    def end_traffic(self, endpoint: str) -> None:
        """Let an endpoint answer nobody any more: a model that has traffic can't be taken off."""
        self._request("PATCH", endpoint, params={"updateMask": "trafficSplit"}, json={"trafficSplit": {}})

    def undeploy(self, endpoint: str, deployed_model_id: str) -> None:
        """Take a model off an endpoint."""
        body = {"deployedModelId": deployed_model_id}
        self._finish(self._request("POST", f"{endpoint}:undeployModel", json=body))

    def delete(self, name: str) -> None:
        """Remove a resource."""
        self._finish(self._request("DELETE", name))

    def _finish(self, operation: dict[str, Any]) -> None:
        name = operation["name"]

        def done() -> bool:
            state = self._request("GET", name)
            if "error" in state:
                raise StackError(f"{name}: {state['error'].get('message', state['error'])}")
            return bool(state.get("done", False))

        self._wait(done, name)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(f"gave up after {_WAIT_SECONDS} s of waiting for {what}")
            time.sleep(_POLL_SECONDS)

    def _pages(self, path: str, key: str, query: dict[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self._request("GET", path, params={**query, "pageToken": token})
            found += page.get(key, [])
            token = page.get("nextPageToken", "")
            if not token:
                return found

    def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise StackError(f"the emulator did not answer {method} {path}: {error!r}") from error
        if response.is_error:
            raise StackError(f"{method} {path}: {response.status_code} {response.text[:500]}")
        answer: dict[str, Any] = response.json()
        return answer
