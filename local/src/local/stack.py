"""A stack as a whole: up, down, status."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import httpx

from local import database, health, leftovers, packages
from local.console import Steps, console
from local.environment import (
    BUCKET,
    PROJECT,
    REGION,
    airflow_variables,
    google_variables,
    perennial_variables,
    process_environment,
    write_environment_file,
)
from local.errors import StackError
from local.health import Waiting
from local.home import DAGS, Home
from local.keys import Keys
from local.ports import Ports
from local.programs import AIRFLOW, EMULATOR, TENSORBOARD, programs
from local.supervision import ProgramStatus, Supervisor


class Stack:
    """The emulator, Airflow and TensorBoard of one home.

    Args:
        home: where it lives.
        dags: the folder whose DAGs it runs; a file there holds the one DAG that is named as the file.
    """

    def __init__(self, home: Home, *, dags: Path = DAGS) -> None:
        self.home = home
        self._dags = dags
        self.supervisor = Supervisor(home)
        self._ports_file = home.root / "ports.json"

    @property
    def ports(self) -> Ports:
        """The ports of the running stack.

        Raises:
            StackError: it has never been started.
        """
        ports = Ports.read(self._ports_file)
        if ports is None:
            raise StackError(f"no stack in {self.home.root}; start one with `make up`")
        return ports

    def running(self) -> bool:
        """Whether every program is alive and answers."""
        statuses = self.supervisor.statuses()
        needed = {EMULATOR, *AIRFLOW}
        alive = {status.name for status in statuses if status.alive}
        return needed <= alive and not health.unhealthy_parts(self.ports)

    def up(self, *, tensorboard: bool = True) -> bool:
        """Start what doesn't run; returns whether the stack was up already.

        Args:
            tensorboard: also start TensorBoard, which takes a processor for some seconds.

        Raises:
            StackError: a part does not start; says which and shows its log.
        """
        self.home.create()
        with self._alone():
            if self.running():
                return True
            self._stop()
            ports = Ports.allocate(self._ports_file)
            variables = {
                **airflow_variables(self.home, ports, Keys.load(self.home.root / "keys.json"), self._dags),
                **google_variables(self.home, ports),
                **perennial_variables(self.home, ports),
            }
            write_environment_file(variables, self.home)
            environment = process_environment(variables, self.home)
            self.supervisor.start(programs(self.home, ports, BUCKET), environment)
            try:
                self._start(ports, environment, tensorboard=tensorboard)
            except BaseException:
                self._stop()
                raise
        return False

    def down(self) -> list[str]:
        """Stop everything that this home ever started; returns what was stopped, in words."""
        if not self.home.root.exists():
            return []
        with self._alone():
            return self._stop()

    def statuses(self) -> list[ProgramStatus]:
        """Every program; empty when the stack is down."""
        return self.supervisor.statuses()

    def addresses(self) -> dict[str, str]:
        """What can be opened or spoken to."""
        ports = self.ports
        return {
            "Airflow": ports.airflow_url,
            "TensorBoard": ports.tensorboard_url,
            "emulator": ports.emulator_url,
            "bucket": f"gs://{BUCKET} = {self.home.buckets / BUCKET}",
            "shell": f". {os.path.relpath(self.home.environment_file)}",
            "logs": os.path.relpath(self.home.logs),
        }

    def _start(self, ports: Ports, environment: dict[str, str], *, tensorboard: bool) -> None:
        with Steps() as steps, ThreadPoolExecutor() as pool:
            waiting = Waiting(ports, self.supervisor, steps)
            parts = [
                pool.submit(self._start_airflow, environment, waiting, steps),
                pool.submit(self._start_emulator, ports, waiting, steps),
                pool.submit(self._build_packages, steps),
            ]
            try:
                ended = wait(parts, return_when=FIRST_EXCEPTION).done
            finally:
                waiting.give_up()
            for part in ended:
                part.result()
        if tensorboard:
            self.supervisor.start_program(TENSORBOARD)

    def _start_airflow(self, environment: dict[str, str], waiting: Waiting, steps: Steps) -> None:
        with steps.step("database", "creating or upgrading"):
            database.migrate(self.home, environment)
        for name in AIRFLOW:
            steps.begin(name, "starting")
            self.supervisor.start_program(name)
        waiting.for_airflow({file.stem for file in self._dags.glob("*.py")})

    def _start_emulator(self, ports: Ports, waiting: Waiting, steps: Steps) -> None:
        with steps.step(EMULATOR, "starting"):
            self.supervisor.start_program(EMULATOR)
            waiting.for_emulator()
            _create_bucket(ports)

    def _build_packages(self, steps: Steps) -> None:
        steps.begin("packages", "building")
        built = packages.build(self.home)
        steps.end("packages", "built" if built else "unchanged")

    def _stop(self) -> list[str]:
        stopped = [status.name for status in self.supervisor.statuses() if status.alive]
        # Airflow first: a task that is stopped cancels its job, and the emulator must hear it.
        self.supervisor.stop_programs(AIRFLOW)
        self.supervisor.stop_programs(stopped)
        self.supervisor.stop()
        left = leftovers.find(self.home)
        stopped += [leftovers.describe(process) for process in left]
        leftovers.stop(left)
        self.home.socket.unlink(missing_ok=True)
        return stopped

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.home.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                console.print(f"waiting for another command to be done with {self.home.root}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _create_bucket(ports: Ports) -> None:
    response = httpx.post(
        f"{ports.emulator_url}/storage/v1/b",
        params={"project": PROJECT}, json={"name": BUCKET, "location": REGION}, timeout=30, trust_env=False,
    )  # fmt: skip
    if response.status_code not in (httpx.codes.OK, httpx.codes.CONFLICT):
        raise StackError(f"the emulator did not create gs://{BUCKET}: {response.text[:500]}")
