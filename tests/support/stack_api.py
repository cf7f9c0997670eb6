"""Requests of tests to a running stack: Airflow, Dataflow and Vertex AI, by REST."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import httpx

from contract.history import HistoryEvent
from local.accounts import PROJECT, OwnerLogin
from local.environment import BUCKET, REGION
from local.stack import Stack


class StackApi:
    """The calls of Airflow's and Dataflow's REST APIs that these tests make."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.airflow = httpx.Client(base_url=stack.ports.airflow_url, timeout=60, trust_env=False)
        token = self.airflow.get("/auth/token").raise_for_status().json()["access_token"]
        self.airflow.headers["Authorization"] = f"Bearer {token}"

    def backfill(self, dag_id: str, **fields: Any) -> dict[str, str]:
        """Make a backfill and wait for its end; returns the states of the DAG's runs by logical date."""
        answer = self.airflow.post("/api/v2/backfills", json={"dag_id": dag_id, **fields})
        assert answer.is_success, answer.text
        return self.states_after_backfill(dag_id)

    def states_after_backfill(self, dag_id: str) -> dict[str, str]:
        """Wait for the end of a DAG's newest backfill; the states of the DAG's runs by logical date."""
        until = time.monotonic() + 1500
        while self.backfills(dag_id)[-1]["completed_at"] is None:
            assert time.monotonic() < until, self.runs(dag_id)
            time.sleep(2)
        return {run["logical_date"][:10]: run["state"] for run in self.runs(dag_id)}

    def backfills(self, dag_id: str) -> list[dict[str, Any]]:
        """The backfills of a DAG, oldest first."""
        listed = self.get(f"/api/v2/backfills?dag_id={dag_id}")["backfills"]
        return sorted(listed, key=lambda found: found["id"])

    def state_at_the_end(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a run; its state."""
        until = time.monotonic() + 600
        while (run := self.get(f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}"))["end_date"] is None:
            assert time.monotonic() < until, run
            time.sleep(1)
        return str(run["state"])

    def dry_run(self, dag_id: str, **fields: Any) -> list[str]:
        """The logical dates of the runs that Airflow would make."""
        answer = self.airflow.post("/api/v2/backfills/dry_run", json={"dag_id": dag_id, **fields})
        return [run["logical_date"][:10] for run in answer.raise_for_status().json()["backfills"]]

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.get(f"/api/v2/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]
        return runs

    def get(self, path: str) -> Any:
        return self.airflow.get(path).raise_for_status().json()

    def dataflow_jobs(self, dataset: str) -> int:
        """Number of conversions of a dataset that were ever started."""
        place = f"projects/{PROJECT}/locations/{REGION}"
        listed = self.google(f"v1b3/{place}/jobs")
        jobs = listed.raise_for_status().json().get("jobs", [])
        return sum(job["name"].startswith(f"perennial-{dataset.replace('_', '-')}-convert-") for job in jobs)

    def vertex(self, path: str) -> Any:
        place = f"projects/{PROJECT}/locations/{REGION}"
        return self.google(f"v1/{place}/{path}").raise_for_status().json()

    def google(self, path: str) -> httpx.Response:
        """The emulator's answer to a request of the stack's owner."""
        url = f"{self.stack.ports.emulator_url}/{path}"
        return httpx.get(url, timeout=60, auth=OwnerLogin(self.stack.paths))

    def versions(self, dataset: str) -> list[dict[str, Any]]:
        """The versions of a dataset's model."""
        found: list[dict[str, Any]] = self.vertex(f"models/{dataset}:listVersions")["models"]
        return found

    def version_on_the_newest_data(self, dataset: str) -> str:
        """The version whose data end last."""
        newest = max(self.versions(dataset), key=lambda found: found["labels"]["perennial_data_until"])
        return str(newest["versionId"])

    def promoted_data(self, dataset: str) -> list[tuple[str, str]]:
        """The versions that were promoted, in their order, each with the end of its data."""
        until = {one["versionId"]: one["labels"]["perennial_data_until"] for one in self.versions(dataset)}
        folder = self.stack.paths.emulator / "buckets" / BUCKET / "history" / dataset
        events = [HistoryEvent.from_text(file.read_text()) for file in sorted(folder.glob("[0-9]*.json"))]
        return [(event.to_version, until[event.to_version]) for event in events if event.kind == "promotion"]

    def version_in_production(self, dataset: str) -> str:
        """The one version that answers users."""
        (deployed,) = self.vertex(f"endpoints/{dataset.replace('_', '-')}")["deployedModels"]
        return str(deployed["modelVersionId"])
