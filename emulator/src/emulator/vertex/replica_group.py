"""The processes of one job's replicas; they are the same after a restart of the emulator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from emulator import processes
from emulator.config import Config
from emulator.keeper import EXIT_FILE, PROCESS_FILE
from emulator.processes import Process
from emulator.state import State
from emulator.vertex.launches import container_name, launch_of
from emulator.vertex.replicas import Replica
from emulator.vertex.trial_links import TrialLink

_KIND = "vertex.replicas"


class ReplicaGroup:
    """All replicas of a job, known by its name and folder."""

    def __init__(
        self, config: Config, state: State, directory: Path, job_name: str, *, trial: TrialLink | None = None
    ) -> None:
        """Find the replicas that were planned, if they were.

        Args:
            config: the emulator's.
            state: where the plan is kept.
            directory: the job's folder; a replica's process has one below it.
            job_name: the job's resource name.
            trial: the trial that the job carries out, if it does.
        """
        self._config = config
        self._state = state
        self._directory = directory
        self._job_name = job_name
        self._trial = trial
        document = state.get(_KIND, job_name) or {"replicas": []}
        self._replicas = [Replica.from_document(replica) for replica in document["replicas"]]

    @property
    def job_directory(self) -> Path:
        """The job's folder."""
        return self._directory

    @property
    def planned(self) -> bool:
        """Whether it is decided which replicas there are and where they listen."""
        return bool(self._replicas)

    @property
    def primary(self) -> str:
        """The replica that speaks for the job as a whole."""
        return self._replicas[0].name

    def plan(self, replicas: list[Replica]) -> None:
        """Decide it. Written down first: after a kill -9 those that run already are not started twice."""
        documents = [replica.to_document() for replica in replicas]
        self._state.put(_KIND, self._job_name, {"replicas": documents})
        self._replicas = replicas

    def forget(self) -> None:
        """Remove the plan of a job that is removed."""
        self._state.delete(_KIND, self._job_name)

    def packages(self, pool: int) -> Path:
        """The folder of a worker pool's installed packages."""
        return self._directory / f"packages{pool}"

    def directory(self, replica: str) -> Path:
        """The folder of a replica."""
        return self._directory / replica

    def process(self, replica: str) -> Process:
        """The process of a replica."""
        return Process(self.directory(replica))

    def start(self, job: Any) -> None:
        """Start the replicas that were not started yet.

        Raises:
            StartError: a keeper did not start.
            UnmappedImageError: an image can't be run any more.
        """
        for replica in self._replicas:
            directory = self.directory(replica.name)
            if (directory / PROCESS_FILE).exists() or (directory / EXIT_FILE).exists():
                continue
            launch = launch_of(
                self._config,
                job,
                replica,
                self._replicas,
                directory=directory,
                packages=self.packages(replica.pool),
                trial=self._trial,
            )
            work = directory / "work"
            work.mkdir(parents=True, exist_ok=True)
            processes.start(
                directory, launch.argv, environment=launch.environment, cwd=work, notice=launch.notice
            )

    def exit_codes(self) -> dict[str, int | None]:
        """How each replica ended; `None` for one that runs or is lost."""
        return {replica.name: self.process(replica.name).exit_code() for replica in self._replicas}

    def ended_at(self) -> datetime | None:
        """When the last of them ended; `None` if nobody knows."""
        times = [self.process(replica.name).ended_at() for replica in self._replicas]
        return max((time for time in times if time is not None), default=None)

    def kill(self, name: str) -> None:
        """End a replica at once."""
        self._end(next(replica for replica in self._replicas if replica.name == name), 0)

    def terminate(self, grace_seconds: float) -> None:
        """End all that still run, at the same time."""
        if self._replicas:
            with ThreadPoolExecutor(len(self._replicas)) as pool:
                list(pool.map(lambda replica: self._end(replica, grace_seconds), self._replicas))

    def _end(self, replica: Replica, grace_seconds: float) -> None:
        self.process(replica.name).terminate(grace_seconds)
        if replica.engine is not None:
            replica.engine.remove(container_name(self._job_name, replica))
