"""Disturbances of a running stack: a process killed, an answer lost, a request refused."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import psutil

from local import supervision
from local.accounts import OwnerLogin
from local.programs import EMULATOR, EXECUTION
from local.stack import Stack

KILLS = ("scheduler", "triggerer", "worker", "task", "api-server", EXECUTION, EMULATOR, "job", "server")
ANSWERS = ("lost answer", "503", "429")
KINDS = (*KILLS, *ANSWERS, "preemption")

WRITES = (
    "storage.objects.insert",
    "dataflow.projects.locations.jobs.create",
    "aiplatform.JobService.CreateCustomJob",
    "aiplatform.ModelService.UploadModel",
    "aiplatform.ModelService.MergeVersionAliases",
    "aiplatform.EndpointService.DeployModel",
    "aiplatform.EndpointService.UndeployModel",
)
READS = (
    "storage.objects.get",
    "storage.objects.list",
    "dataflow.projects.locations.jobs.get",
    "aiplatform.JobService.ListCustomJobs",
    "aiplatform.JobService.GetCustomJob",
    "aiplatform.ModelService.ListModelVersions",
    "aiplatform.EndpointService.GetEndpoint",
    "aiplatform.Operations.GetOperation",
    "logging.entries.list",
)
"""Methods that every run of the chain calls."""

_JOB_MODULES = ("chain_trainer", "emulator.dataflow.run_pipeline")
_SERVER_MODULE = "chain_server"
_LOOK_SECONDS = 0.05


@dataclass(kw_only=True)
class Disturbance:
    """One disturbance of one run.

    Attributes:
        kind: among `KINDS`.
        fraction: moment, as a share of the time that an undisturbed run takes.
        method: of the service; empty for kills.
        count: calls that are refused.
        choice: picks one of several processes.
        at: seconds from the run's start when it happened; None while it hasn't.
        destroyed_seconds: time that the killed process had worked.
        effect: what was killed or asked for.
    """

    kind: str
    fraction: float
    method: str = ""
    count: int = 1
    choice: float = 0.0
    at: float | None = None
    destroyed_seconds: float = 0.0
    effect: str = ""

    def __str__(self) -> str:
        when = "found nothing" if self.at is None else f"at {self.at:.1f} s"
        return f"{self.effect or f'{self.kind} {self.method}'.strip()} {when}"


def plan(runs: int, seed: int) -> list[Disturbance]:
    """Return the disturbances of so many runs, each kind as often as the others."""
    draw = random.Random(seed)
    kinds: list[str] = []
    while len(kinds) < runs:
        kinds += draw.sample(KINDS, len(KINDS))
    planned = []
    for kind in kinds[:runs]:
        methods = {"lost answer": WRITES, "503": READS + WRITES, "429": READS + WRITES}.get(kind, ())
        planned.append(
            Disturbance(
                kind=kind,
                fraction=draw.random(),
                method=draw.choice(methods) if methods else "",
                count=draw.randint(1, 4) if kind in ("503", "429") else 1,
                choice=draw.random(),
            )
        )
    return planned


@dataclass
class Disturber(threading.Thread):
    """Thread that disturbs one run at its moment, or as soon after it as there is something to disturb.

    Args:
        stack: that runs.
        disturbance: to carry out.
        after_seconds: from now.
    """

    stack: Stack
    disturbance: Disturbance
    after_seconds: float
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._begin = time.monotonic()

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Wait for the moment, and act."""
        self.ended.wait(self.after_seconds)
        while not self.ended.is_set():
            if self._act():
                self.disturbance.at = time.monotonic() - self._begin
                return
            self.ended.wait(_LOOK_SECONDS)

    def stop(self) -> None:
        """End the wait: the run has ended."""
        self.ended.set()
        self.join()

    def _act(self) -> bool:
        kind = self.disturbance.kind
        if kind in KILLS:
            try:
                return self._kill(self._candidates(kind))
            except psutil.Error:
                return False  # it ended meanwhile
        fault = {"target": self.disturbance.method, "count": self.disturbance.count}
        if kind == "lost answer":
            fault["lose_answer"] = True
        elif kind == "preemption":
            # Of a job that is at work: the hook asks again and again.
            fault["target"] = "preemption"
        else:
            fault["http_status"] = int(kind)
        try:
            request_faults(self.stack, "POST", fault)
        except httpx.HTTPError:
            return False  # another run's disturbance has killed the emulator
        self.disturbance.effect = " ".join(filter(None, [kind, self.disturbance.method])) + (
            f" x{self.disturbance.count}" if self.disturbance.count > 1 else ""
        )
        return True

    def _candidates(self, kind: str) -> list[psutil.Process]:
        looks: dict[str, Callable[[], list[psutil.Process]]] = {
            "worker": self._workers,
            "task": lambda: [task for worker in self._workers() for task in worker.children()],
            "job": lambda: self._running(*_JOB_MODULES),
            "server": lambda: self._running(_SERVER_MODULE),
        }
        return looks[kind]() if kind in looks else self._program(kind)

    def _program(self, name: str) -> list[psutil.Process]:
        pids = [status.pid for status in self.stack.statuses() if status.name == name and status.pid]
        return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]

    def _workers(self) -> list[psutil.Process]:
        return [
            child
            for scheduler in self._program("scheduler")
            for child in scheduler.children()
            if "LocalExecutor" in " ".join(child.cmdline())
        ]

    def _running(self, *modules: str) -> list[psutil.Process]:
        return [
            process
            for process in supervision.find_orphans(self.stack.paths)
            if set(modules) & set(process.cmdline())
        ]

    def _kill(self, candidates: list[psutil.Process]) -> bool:
        if not candidates:
            return False
        kind = self.disturbance.kind
        victim = candidates[int(self.disturbance.choice * len(candidates))]
        command, age = " ".join(victim.cmdline()), time.time() - victim.create_time()
        victim.kill()
        if kind in ("job", "task"):
            self.disturbance.destroyed_seconds = age
        is_idle = kind == "worker" and "<idle>" in command
        self.disturbance.effect = f"kill {kind}{' (idle)' if is_idle else ''}"
        return True


def request_faults(stack: Stack, method: str, fault: object = None) -> list[dict[str, object]]:
    """Add a fault, list the pending ones, or remove all."""
    url = f"{stack.ports.emulator_url}/_emulator/faults"
    answer = httpx.request(method, url, json=fault, timeout=30, auth=OwnerLogin(stack.paths), trust_env=False)
    answer.raise_for_status()
    return list(answer.json().get("faults", [])) if method == "GET" else []
