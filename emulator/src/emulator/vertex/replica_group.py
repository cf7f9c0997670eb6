"""Processes of a job's replicas; a restarted emulator finds them again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from emulator import processes
from emulator.config import Config
from emulator.gcs_fuse import kill_file_system, mount_point, unmount
from emulator.process_shim import EXIT_FILE, PROCESS_FILE
from emulator.processes import Process
from emulator.state import State
from emulator.vertex.launchers import container_name, launch_command
from emulator.vertex.names import id_of
from emulator.vertex.replicas import Replica
from emulator.vertex.trials import TrialReference

_KIND = "vertex.replicas"


class ReplicaGroup:
    """All replicas of one job, identified by its name and folder."""

    def __init__(
        self,
        config: Config,
        state: State,
        directory: Path,
        job_name: str,
        *,
        trial: TrialReference | None = None,
    ) -> None:
        """Load the plan of the replicas, if there is one.

        Args:
            config: the emulator's.
            state: the state that holds the plan.
            directory: the job's folder; each replica has one below it.
            job_name: the job's resource name.
            trial: the trial that the job runs, if it runs one.
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
        """Folder of the job."""
        return self._directory

    @property
    def planned(self) -> bool:
        """True once the replicas and their addresses are planned."""
        return bool(self._replicas)

    @property
    def primary(self) -> str:
        """Name of the replica whose exit ends the job."""
        return self._replicas[0].name

    def plan(self, replicas: list[Replica]) -> None:
        """Store the replicas; done before any is started, so that none is started twice after a kill -9."""
        documents = [replica.to_document() for replica in replicas]
        self._state.put(_KIND, self._job_name, {"replicas": documents})
        self._replicas = replicas

    def delete_plan(self) -> None:
        """Remove the plan of a removed job."""
        self._state.delete(_KIND, self._job_name)

    def packages(self, pool: int) -> Path:
        """Return the folder of a worker pool's installed packages."""
        return self._directory / f"packages{pool}"

    def directory(self, replica: str) -> Path:
        """Return the folder of a replica."""
        return self._directory / replica

    def process(self, replica: str) -> Process:
        """Return the process of a replica."""
        return Process(self.directory(replica))

    def start(self, job: Any) -> None:
        """Start the replicas that have not been started yet.

        Raises:
            StartError: a process shim did not start.
            UnmappedImageError: an image is no longer mapped to a module.
        """
        for replica in self._replicas:
            directory = self.directory(replica.name)
            if (directory / PROCESS_FILE).exists() or (directory / EXIT_FILE).exists():
                continue
            launch = launch_command(
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
        """Return the exit code of each replica; `None` for one that runs or is lost."""
        return {replica.name: self.process(replica.name).exit_code() for replica in self._replicas}

    def ended_at(self) -> datetime | None:
        """Return the time when the last replica ended; `None` if it is unknown."""
        times = [self.process(replica.name).ended_at() for replica in self._replicas]
        return max((time for time in times if time is not None), default=None)

    def kill(self, name: str) -> None:
        """Kill a replica with its machine: what it has not closed in the buckets is lost."""
        kill_file_system(mount_point(self._config.root, id_of(self._job_name), name))
        self._end(next(replica for replica in self._replicas if replica.name == name), 0)

    def terminate(self, grace_seconds: float) -> None:
        """Terminate all running replicas concurrently."""
        if self._replicas:
            with ThreadPoolExecutor(len(self._replicas)) as pool:
                list(pool.map(lambda replica: self._end(replica, grace_seconds), self._replicas))

    def _end(self, replica: Replica, grace_seconds: float) -> None:
        self.process(replica.name).terminate(grace_seconds)
        # Killed with its command, the file system of the mount takes nothing away.
        unmount(mount_point(self._config.root, id_of(self._job_name), replica.name))
        if replica.engine is not None:
            replica.engine.remove(container_name(self._job_name, replica))
