"""Lifecycle of a stack: up, down, status."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType

from local import StackError, health, provisioning, supervision
from local.console import Steps, console
from local.environment import (
    BUCKET,
    client_environment,
    owner_variables,
    process_environment,
    stack_variables,
    write_environment_file,
)
from local.health import StartupMonitor
from local.paths import DAGS, StackPaths
from local.ports import Ports
from local.programs import AIRFLOW, EMULATOR, TENSORBOARD, programs
from local.sources import SampleFetcher
from local.supervision import ProgramStatus, Supervisor

_SAMPLES = "samples"


class Stack:
    """The emulator, Airflow and TensorBoard in one folder.

    Args:
        paths: of the stack.
        dags: folder of its DAG files, each of which defines the one DAG that is named as the file.
        images: further container images for the emulator -> the file of the module in place of each.
    """

    def __init__(
        self, paths: StackPaths, *, dags: Path = DAGS, images: Mapping[str, Path] = MappingProxyType({})
    ) -> None:
        self.paths = paths
        self._dags = dags
        self._images = images
        self.supervisor = Supervisor(paths)

    @property
    def ports(self) -> Ports:
        """Ports of the running stack.

        Raises:
            StackError: it has never been started.
        """
        ports = Ports.read(self.paths.ports_file)
        if ports is None:
            raise StackError(f"no stack in {self.paths.root}; start one with `make up`")
        return ports

    def running(self) -> bool:
        """Return True if every program is alive and healthy."""
        statuses = self.supervisor.statuses()
        needed = {EMULATOR, *AIRFLOW}
        alive = {status.name for status in statuses if status.alive}
        return needed <= alive and not health.unhealthy_components(self.ports)

    def up(self, *, tensorboard: bool = True, samples: bool = False) -> bool:
        """Start what doesn't run; return True if the stack was up already.

        Args:
            tensorboard: also start TensorBoard, which takes a processor for some seconds.
            samples: also fetch or generate missing sample data; a failure is printed.

        Raises:
            StackError: a component does not start; names it and shows its log.
        """
        self.paths.create()
        with self._locked(), SampleFetcher(self.paths) if samples else nullcontext() as fetcher:
            if self.running():
                if fetcher is not None:
                    with Steps() as steps:
                        _show_samples(fetcher, steps)
                return True
            self._stop()
            ports = Ports.allocate(self.paths.ports_file)
            variables = stack_variables(self.paths, ports, self._dags)
            write_environment_file(variables | owner_variables(self.paths, ports), self.paths)
            environment = process_environment(variables, self.paths)
            folders = dict.fromkeys(str(file.parent) for file in self._images.values())
            environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], *folders])
            modules = {name: file.stem for name, file in self._images.items()}
            self.supervisor.start(programs(self.paths, ports, BUCKET, modules), environment)
            try:
                self._start(ports, environment, fetcher, tensorboard=tensorboard)
            except BaseException:
                self._stop()
                raise
        return False

    def down(self) -> list[str]:
        """Stop every process that was ever started for this stack; return descriptions of those stopped."""
        if not self.paths.root.exists():
            return []
        with self._locked():
            return self._stop()

    def statuses(self) -> list[ProgramStatus]:
        """Return the status of every program; empty when the stack is down."""
        return self.supervisor.statuses()

    def addresses(self) -> dict[str, str]:
        """Return the URLs, folders and shell command that a user of the stack needs, by name."""
        ports = self.ports
        return {
            "Airflow": ports.airflow_url,
            "TensorBoard": ports.tensorboard_url,
            "emulator": ports.emulator_url,
            "bucket": f"gs://{BUCKET} = {self.paths.buckets / BUCKET}",
            "shell": f". {os.path.relpath(self.paths.environment_file)}",
            "logs": os.path.relpath(self.paths.logs),
        }

    def client_environment(self) -> dict[str, str]:
        """Return the environment of a program that uses the running stack.

        Raises:
            StackError: the stack is down.
        """
        ports = self.ports
        if not any(status.alive for status in self.statuses()):
            raise StackError(f"the stack in {self.paths.root} is down; start it with `make up`")
        variables = stack_variables(self.paths, ports, self._dags)
        return client_environment(variables | owner_variables(self.paths, ports))

    def _start(
        self, ports: Ports, environment: dict[str, str], fetcher: SampleFetcher | None, *, tensorboard: bool
    ) -> None:
        with Steps() as steps, ThreadPoolExecutor() as pool:
            monitor = StartupMonitor(ports, self.supervisor, steps)
            tasks = [
                pool.submit(self._start_airflow, environment, monitor, steps),
                pool.submit(self._start_emulator, ports, monitor, steps),
                pool.submit(self._build_packages, steps),
            ]
            if fetcher is not None:
                tasks.append(pool.submit(_show_samples, fetcher, steps))
            try:
                done = wait(tasks, return_when=FIRST_EXCEPTION).done
                for task in done:
                    task.result()
            except BaseException:
                # The pool ends with its threads.
                monitor.cancel()
                if fetcher is not None:
                    fetcher.cancel()
                raise
        if tensorboard:
            self.supervisor.start_program(TENSORBOARD)

    def _start_airflow(self, environment: dict[str, str], monitor: StartupMonitor, steps: Steps) -> None:
        with steps.step("database", "creating or upgrading"):
            provisioning.migrate_database(self.paths, environment)
        for name in AIRFLOW:
            steps.begin(name, "starting")
            self.supervisor.start_program(name)
        monitor.wait_for_airflow({file.stem for file in self._dags.glob("*.py")})

    def _start_emulator(self, ports: Ports, monitor: StartupMonitor, steps: Steps) -> None:
        with steps.step(EMULATOR, "starting"):
            self.supervisor.start_program(EMULATOR)
            monitor.wait_for_emulator()
            provisioning.create_bucket(self.paths, ports)

    def _build_packages(self, steps: Steps) -> None:
        steps.begin("packages", "building")
        built = provisioning.build_packages(self.paths)
        steps.end("packages", "built" if built else "unchanged")

    def _stop(self) -> list[str]:
        stopped = [status.name for status in self.supervisor.statuses() if status.alive]
        # Airflow first: a task that is stopped cancels its job, which takes the emulator.
        self.supervisor.stop_programs(AIRFLOW)
        self.supervisor.stop_programs(stopped)
        self.supervisor.stop()
        orphans = supervision.find_orphans(self.paths)
        stopped += [supervision.describe_process(process) for process in orphans]
        supervision.stop_processes(orphans)
        self.paths.socket.unlink(missing_ok=True)
        return stopped

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.paths.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                console.print(f"waiting for another command to be done with {self.paths.root}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _show_samples(fetcher: SampleFetcher, steps: Steps) -> None:
    steps.begin(_SAMPLES, "fetching")
    ready, missing = [], []
    for result in fetcher.results():
        if result.error is None:
            ready.append(result.dataset)
        else:
            missing.append(f"{result.dataset} is missing: {result.error}")
        steps.begin(_SAMPLES, f"have {', '.join(sorted(ready)) or 'none'}")
    if missing:
        missing.append("The next `make up` tries again; the other datasets are ready.")
    steps.end(_SAMPLES, ", ".join(sorted(ready)) or "none", missing)
