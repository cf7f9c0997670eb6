"""Whether the parts of a stack answer, and waiting until they do."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import httpx

from local.airflow_client import AirflowClient
from local.console import Steps
from local.errors import StackError
from local.ports import Ports
from local.programs import AIRFLOW, EMULATOR, EXECUTION
from local.supervision import Supervisor

_POLL_SECONDS = 0.2
# Twenty seconds on two free cores; a machine that is busy with other work takes many times that.
_START_SECONDS = 600
_PARSE_SECONDS = 180
_AIRFLOW_PARTS = frozenset({"metadatabase", "scheduler", "triggerer", "dag_processor"})
_PROGRAM_OF_PART = {"metadatabase": "api-server", "dag_processor": "dag-processor"}


def unhealthy_parts(ports: Ports) -> dict[str, str]:
    """Each part that is not healthy and what it says; empty when all is well."""
    with AirflowClient(ports.airflow_url) as airflow:
        health = airflow.health()
    parts = {part: health.get(part, "no answer") for part in sorted(_AIRFLOW_PARTS)}
    for name, url in ((EMULATOR, ports.emulator_url), (EXECUTION, ports.execution_url)):
        parts[name] = "healthy" if _answers(url) else "no answer"
    return {part: status for part, status in parts.items() if status != "healthy"}


class Waiting:
    """Waits in several threads for the parts of a stack that is starting; `give_up` ends all of them."""

    def __init__(self, ports: Ports, supervisor: Supervisor, steps: Steps) -> None:
        self._ports = ports
        self._supervisor = supervisor
        self._steps = steps
        self._given_up = threading.Event()
        self._deadline = time.monotonic() + _START_SECONDS

    def give_up(self) -> None:
        """End every wait with a StackError."""
        self._given_up.set()

    def for_emulator(self) -> None:
        """Return once the emulator answers.

        Raises:
            StackError: it does not start, or takes too long; shows its log.
        """
        while not _answers(self._ports.emulator_url):
            self._pause([EMULATOR])

    def for_airflow(self, dag_ids: Collection[str]) -> None:
        """Return once all services are healthy and every DAG has been parsed.

        Raises:
            StackError: a service does not start in time, or a DAG file or plugin can't be loaded; says why.
        """
        with AirflowClient(self._ports.airflow_url) as airflow:
            waiting = set(_AIRFLOW_PARTS)
            while waiting:
                for part, status in airflow.health().items():
                    if part in waiting and status == "healthy":
                        waiting.discard(part)
                        self._steps.end(_PROGRAM_OF_PART.get(part, part))
                if waiting:
                    self._pause(AIRFLOW)
            while not _answers(self._ports.execution_url):
                self._pause(AIRFLOW)
            self._steps.end(EXECUTION)
            self._for_dags(airflow, dag_ids)
            if errors := airflow.plugin_import_errors():
                raise StackError(
                    "\n".join(f"plugin {file} can't be loaded: {e}" for file, e in errors.items())
                )

    def _for_dags(self, airflow: AirflowClient, dag_ids: Collection[str]) -> None:
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
        if self._given_up.wait(_POLL_SECONDS):
            raise StackError(f"gave up waiting for {', '.join(programs)}")
        for status in self._supervisor.statuses():
            if status.name in programs and status.gave_up:
                raise StackError(
                    f"{status.name} does not start ({status.description}). The end of "
                    f"{self._supervisor.log(status.name)}:\n{self._supervisor.last_lines(status.name)}"
                )
        if time.monotonic() > self._deadline:
            tails = "\n".join(f"== {name}\n{self._supervisor.last_lines(name, 5)}" for name in programs)
            raise StackError(f"not healthy after {_START_SECONDS} s:\n{tails}")


def _answers(url: str) -> bool:
    try:
        response = httpx.get(f"{url.rstrip('/')}/health", timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return response.status_code == httpx.codes.OK
