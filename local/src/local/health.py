"""Health checks of a stack's components, and waiting for their start."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import httpx

from local import StackError
from local.airflow_client import AirflowClient
from local.console import Steps
from local.ports import Ports
from local.programs import AIRFLOW, EMULATOR, EXECUTION
from local.supervision import Supervisor

_POLL_SECONDS = 0.2
# Twenty seconds on two free cores; a machine that is busy with other work takes many times that.
_START_SECONDS = 600
_PARSE_SECONDS = 180
_AIRFLOW_COMPONENTS = frozenset({"metadatabase", "scheduler", "triggerer", "dag_processor"})
_PROGRAMS = {"metadatabase": "api-server", "dag_processor": "dag-processor"}


def unhealthy_components(ports: Ports) -> dict[str, str]:
    """Return component -> status of the unhealthy ones."""
    with AirflowClient(ports.airflow_url) as airflow:
        health = airflow.health()
    statuses = {name: health.get(name, "no answer") for name in sorted(_AIRFLOW_COMPONENTS)}
    for name, url in ((EMULATOR, ports.emulator_url), (EXECUTION, ports.execution_url)):
        statuses[name] = "healthy" if _responds(url) else "no answer"
    return {name: status for name, status in statuses.items() if status != "healthy"}


class StartupMonitor:
    """Waits, in several threads, for the components of a starting stack; `cancel` ends all waits."""

    def __init__(self, ports: Ports, supervisor: Supervisor, steps: Steps) -> None:
        self._ports = ports
        self._supervisor = supervisor
        self._steps = steps
        self._cancelled = threading.Event()
        self._deadline = time.monotonic() + _START_SECONDS

    def cancel(self) -> None:
        """End every wait with a StackError."""
        self._cancelled.set()

    def wait_for_emulator(self) -> None:
        """Wait until the emulator responds.

        Raises:
            StackError: it does not start in time; shows its log.
        """
        while not _responds(self._ports.emulator_url):
            self._pause([EMULATOR])

    def wait_for_airflow(self, dag_ids: Collection[str]) -> None:
        """Wait until all services are healthy and every DAG is parsed.

        Raises:
            StackError: a service does not start in time, or a DAG file or plugin can't be loaded.
        """
        with AirflowClient(self._ports.airflow_url) as airflow:
            pending = set(_AIRFLOW_COMPONENTS)
            while pending:
                for component, status in airflow.health().items():
                    if component in pending and status == "healthy":
                        pending.discard(component)
                        self._steps.end(_PROGRAMS.get(component, component))
                if pending:
                    self._pause(AIRFLOW)
            while not _responds(self._ports.execution_url):
                self._pause(AIRFLOW)
            self._steps.end(EXECUTION)
            self._wait_for_dags(airflow, dag_ids)
            if errors := airflow.plugin_import_errors():
                raise StackError(
                    "\n".join(f"plugin {file} can't be loaded: {e}" for file, e in errors.items())
                )

    def _wait_for_dags(self, airflow: AirflowClient, dag_ids: Collection[str]) -> None:
        deadline = time.monotonic() + _PARSE_SECONDS
        while missing := set(dag_ids) - (found := airflow.dag_ids()):
            self._steps.begin("DAGs", f"waiting for {', '.join(sorted(missing))}")
            if errors := airflow.dag_import_errors():
                raise StackError("\n".join(f"{file} can't be parsed:\n{e}" for file, e in errors.items()))
            if time.monotonic() > deadline:
                raise StackError(f"DAGs: expected {sorted(missing)} in dags/, Airflow found {sorted(found)}")
            self._pause(AIRFLOW)
        self._steps.end("DAGs", ", ".join(sorted(dag_ids)) or "none")

    def _pause(self, programs: Collection[str]) -> None:
        if self._cancelled.wait(_POLL_SECONDS):
            raise StackError(f"stopped waiting for {', '.join(programs)}")
        for status in self._supervisor.statuses():
            if status.name in programs and status.gave_up:
                raise StackError(
                    f"{status.name} does not start ({status.description}). The end of "
                    f"{self._supervisor.log(status.name)}:\n{self._supervisor.last_lines(status.name)}"
                )
        if time.monotonic() > self._deadline:
            tails = "\n".join(f"== {name}\n{self._supervisor.last_lines(name, 5)}" for name in programs)
            raise StackError(f"not healthy after {_START_SECONDS} s:\n{tails}")


def _responds(url: str) -> bool:
    try:
        response = httpx.get(f"{url.rstrip('/')}/health", timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return response.status_code == httpx.codes.OK
