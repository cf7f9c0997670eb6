"""A lane of benchmarks/chaos.py: one dataset, its DAG, its data, and what its runs leave in the cloud."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx
from disturbances import Disturbance
from PIL import Image

from contract.history import HistoryEvent
from contract.naming import DATASET_LABEL, RUN_LABEL, TASK_LABEL, DatasetNames, dag_id, run_slug
from local.accounts import PROJECT, OwnerLogin
from local.airflow_client import AirflowClient
from local.environment import BUCKET, REGION, SOURCE_PREFIXES_VARIABLE, source_prefixes
from local.stack import Stack

FIRST_IMAGES = 40
JOB_SECONDS = 3.0

_SPEC = '''\
"""A dataset whose training takes seconds and always passes the gate."""

from retraining.dag import build_training_dag

import contract as dc

SPEC = dc.DatasetSpec(
    contract=dc.DataContract(
        name="{name}", record_format="image", features=dc.image_features(("daisy", "roses"))
    ),
    source="{name}",
    training=dc.TrainingSpec(module="chain_trainer", arguments={{"seconds": {seconds}}}),
    gate=dc.GateSpec(metric="accuracy", direction="higher", threshold=0.7, baseline_margin=0.2),
)

dag = build_training_dag(SPEC)
'''


@dataclass(kw_only=True)
class Result:
    """What became of one run.

    Attributes:
        number: from 1.
        lane: its dataset.
        disturbance: None for an undisturbed one.
        seconds: from the request to the end that Airflow recorded.
        wrong: sentences; empty for a right run.
        jobs: training jobs by state.
        paid_twice: tasks for which two machines worked at once, or again after success.
        leftovers: what is left when it has ended.
    """

    number: int
    lane: str
    disturbance: Disturbance | None
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    jobs: Counter[str] = field(default_factory=Counter)
    versions: int = 0
    paid_twice: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = "right" if not self.wrong else "WRONG: " + "; ".join(self.wrong)
        jobs = ", ".join(
            f"{count} {state.removeprefix('JOB_STATE_').lower()}" for state, count in self.jobs.items()
        )
        met = self.disturbance or "undisturbed"
        return f"{self.number:3} {self.lane} {self.seconds:6.1f} s  {met}  [{jobs}]  {verdict}"


class Lane:
    """One dataset of a running stack.

    Args:
        stack: that runs it.
        name: of the dataset.
        source: folder of its raw data.
    """

    def __init__(self, stack: Stack, name: str, source: Path) -> None:
        self._stack = stack
        self.name = name
        self.dag = dag_id(name)
        self._source = source
        self._names = DatasetNames(bucket=BUCKET, deployment="default", dataset=name)
        self._images = 0
        for _ in range(FIRST_IMAGES):
            self.add_data()

    @staticmethod
    @contextmanager
    def environment(folder: Path) -> Iterator[None]:
        """Name the stand-in images and the data's folder to a stack that is started meanwhile."""
        registry = f"{REGION}-docker.pkg.dev/{PROJECT}/chaos"
        variables = {
            "PERENNIAL_TRAINER_IMAGE": f"{registry}/chain_trainer:1",
            "PERENNIAL_SERVING_IMAGE": f"{registry}/chain_server:1",
            SOURCE_PREFIXES_VARIABLE: source_prefixes(str(folder)),
        }
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def write_dag(self, folder: Path) -> None:
        """Write the DAG file."""
        (folder / f"{self.dag}.py").write_text(_SPEC.format(name=self.name, seconds=JOB_SECONDS))

    def add_data(self) -> None:
        """Add an image, so that the next run has a snapshot of its own."""
        draw = random.Random(f"{self.name} {self._images}")
        file = self._source / ("daisy", "roses")[self._images % 2] / f"{self._images:04}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.frombytes("RGB", (16, 16), draw.randbytes(16 * 16 * 3)).save(file)
        self._images += 1

    def trigger(self, airflow: AirflowClient) -> str:
        """Begin a run on the data so far; return its id."""
        return airflow.trigger(self.dag, {"source": str(self._source)})

    def decide(self, airflow: AirflowClient, action: str) -> str:
        """Begin a run that carries out a person's decision; return its id."""
        conf = {"dataset": self.name, "action": action, "reason": "chaos"}
        return airflow.trigger("model_rollback", conf)

    def judge(self, run_id: str, result: Result) -> None:
        """Look at what a run has left, and say what is wrong with it."""
        slug = run_slug(self.dag, run_id)
        jobs = [job for job in self._all("customJobs") if job["labels"].get(RUN_LABEL) == slug]
        result.jobs = Counter(job["state"] for job in jobs if job["labels"][TASK_LABEL] == "train")
        result.paid_twice = [
            f"{one['name']} beside {other['name']}"
            for one, other in combinations(jobs, 2)
            if one["labels"] == other["labels"] and _at_once(one, other)
        ]
        if result.jobs["JOB_STATE_SUCCEEDED"] != 1:
            result.wrong.append(f"training jobs: {dict(result.jobs)}, expected one that succeeded")
        if result.paid_twice:
            result.wrong.append(f"paid twice: {result.paid_twice}")
        own = [one for one in self._versions() if one["labels"].get(RUN_LABEL) == slug]
        result.versions = len(own)
        if len(own) != 1:
            result.wrong.append(f"{len(own)} versions, expected 1")
        self._judge_release(run_id, [str(one["versionId"]) for one in own], result)
        result.leftovers = self._leftovers()
        if result.leftovers:
            result.wrong.append(f"left over: {result.leftovers}")

    def _judge_release(self, run_id: str, own: list[str], result: Result) -> None:
        promotions = [event for event in self._events() if event.kind == "promotion"]
        if [event.to_version for event in promotions if event.run_id == run_id] != own:
            result.wrong.append(f"promotions of {run_id}: expected one of {own}")
        last = [event for event in self._events() if event.kind in ("promotion", "rollback")]
        serving = self.production()
        if not last or serving != {last[-1].to_version: 100}:
            result.wrong.append(f"production is {serving}, expected {last and last[-1].to_version}")
        default = [one["versionId"] for one in self._versions() if "default" in one.get("versionAliases", ())]
        if default != list(serving):
            result.wrong.append(f"alias default: {default}, in production: {list(serving)}")

    def promoted(self) -> list[str]:
        """Return the versions that were promoted, in their order."""
        return [event.to_version for event in self._events() if event.kind == "promotion"]

    def production(self) -> dict[str, int]:
        """Return the versions on the production endpoint, each with its share of the requests."""
        return self._deployed(self._names.production_endpoint)

    def _leftovers(self) -> list[str]:
        ended = ("SUCCEEDED", "FAILED", "CANCELLED", "DONE", "EXPIRED")
        left = [
            f"{job['name']} is {job['state']}"
            for job in self._all("customJobs")
            if not job["state"].endswith(ended)
        ]
        conversions = self._get(f"v1b3/{self._place}/jobs").get("jobs", [])
        left += [
            f"{job['name']} is {job['currentState']}"
            for job in conversions
            if not job["currentState"].endswith(ended)
        ]
        if candidates := self._deployed(self._names.candidate_endpoint):
            left.append(f"on the candidate endpoint: {candidates}")
        folders = (self._names.history_folder + "rollout.json", self._names.waiting_folder("")[:-1])
        for folder in folders:
            path = self._stack.paths.buckets / folder.removeprefix("gs://")
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            left += [str(file.relative_to(self._stack.paths.buckets)) for file in files]
        return left

    def _events(self) -> list[HistoryEvent]:
        folder = self._stack.paths.buckets / self._names.history_folder.removeprefix("gs://")
        return [HistoryEvent.from_text(file.read_text()) for file in sorted(folder.glob("[0-9]*.json"))]

    def _versions(self) -> list[dict[str, Any]]:
        return list(self._get(f"v1/{self._place}/models/{self._names.model}:listVersions").get("models", []))

    def _deployed(self, endpoint: str) -> dict[str, int]:
        found = self._get(f"v1/{self._place}/endpoints/{endpoint}")
        shares = found.get("trafficSplit", {})
        deployed = found.get("deployedModels", [])
        return {str(one["modelVersionId"]): int(shares.get(one["id"], 0)) for one in deployed}

    def _all(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = self._get(f"v1/{self._place}/{kind}?pageSize=100&pageToken={token}")
            found += answer.get(kind, [])
            if not (token := answer.get("nextPageToken", "")):
                return [one for one in found if one.get("labels", {}).get(DATASET_LABEL) == self.name]

    @property
    def _place(self) -> str:
        return f"projects/{PROJECT}/locations/{REGION}"

    def _get(self, path: str) -> Any:
        url = f"{self._stack.ports.emulator_url}/{path}"
        answer = httpx.get(url, timeout=60, auth=OwnerLogin(self._stack.paths), trust_env=False)
        return {} if answer.status_code == httpx.codes.NOT_FOUND else answer.raise_for_status().json()


def _at_once(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return True if both jobs' machines worked at some time, or one began after the other's success."""
    first, second = sorted((one, other), key=lambda job: str(job.get("startTime", "9")))
    if "startTime" not in second:
        return False
    return first["state"].endswith("SUCCEEDED") or str(first.get("endTime", "9")) > str(second["startTime"])
