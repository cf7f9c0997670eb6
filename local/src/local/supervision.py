"""Process manager of a stack, supervisord (http://supervisord.org), and the processes that it orphaned."""

from __future__ import annotations

import configparser
import contextlib
import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.states import RUNNING_STATES, ProcessStates
from supervisor.xmlrpc import Faults, SupervisorTransport

from local import StackError
from local.environment import STACK_VARIABLE
from local.paths import CHECKOUT, StackPaths
from local.programs import Program

_START_SECONDS = 20
_STOP_SECONDS = 60
# A service that fails does so after its imports; one that lived longer counts as started.
_STEADY_SECONDS = 15
_ORPHAN_GRACE_SECONDS = 5
_NOT_RUNNING = (ConnectionError, FileNotFoundError, http.client.HTTPException, socket.timeout)


@dataclass(frozen=True, kw_only=True)
class ProgramStatus:
    """State of a program in the process manager.

    Attributes:
        name: the program.
        state: supervisord's term, `RUNNING` for instance.
        pid: 0 while it doesn't run.
        seconds: since its start, 0 while it doesn't run.
        description: supervisord's message.
        alive: starting or running.
        gave_up: it ended too often and won't be restarted.
    """

    name: str
    state: str
    pid: int
    seconds: int
    description: str
    alive: bool
    gave_up: bool


class Supervisor:
    """The process manager of one stack: started detached, controlled through its socket."""

    def __init__(self, paths: StackPaths) -> None:
        self._paths = paths
        self._config = paths.root / "supervisord.conf"

    def start(self, programs: Iterable[Program], environment: Mapping[str, str]) -> None:
        """Start supervisord with all programs stopped.

        Raises:
            StackError: it did not start; shows the end of its log.
        """
        self._write_config(programs)
        completed = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(self._config)],
            env=dict(environment), cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while completed.returncode == 0 and time.monotonic() < deadline:
            if self.running():
                return
            time.sleep(0.05)
        raise StackError(
            f"supervisord did not start: {completed.stderr.strip() or self.last_lines('supervisord')}"
        )

    def running(self) -> bool:
        """Return True if supervisord responds."""
        try:
            self._call("getState")
        except _NOT_RUNNING:
            return False
        return True

    def pid(self) -> int:
        """Return the process id of supervisord itself."""
        return int(self._call("getPID"))

    def start_program(self, name: str) -> None:
        """Start a program, without waiting for it; do nothing if it runs."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise StackError(f"{name} did not start: {fault.faultString}") from fault

    def statuses(self) -> list[ProgramStatus]:
        """Return the status of every program; empty if supervisord doesn't run."""
        try:
            processes = self._call("getAllProcessInfo")
        except _NOT_RUNNING:
            return []
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.SHUTDOWN_STATE:
                raise
            return []
        return [
            ProgramStatus(
                name=process["name"],
                state=process["statename"],
                pid=process["pid"],
                seconds=process["now"] - process["start"] if process["pid"] else 0,
                description=process["description"],
                alive=process["state"] in RUNNING_STATES,
                gave_up=process["state"] == ProcessStates.FATAL,
            )
            for process in processes
        ]

    def stop_programs(self, names: Collection[str]) -> None:
        """Stop programs concurrently and wait for them."""
        for name in names:
            with contextlib.suppress(xmlrpc.client.Fault, *_NOT_RUNNING):
                self._call("stopProcess", name, False)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if not any(status.pid for status in self.statuses() if status.name in names):
                return
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop supervisord and the programs that still run; do nothing if it doesn't run."""
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            try:
                self._call("shutdown")
            except _NOT_RUNNING:
                return
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != Faults.SHUTDOWN_STATE:
                    raise
            time.sleep(0.1)

    def last_lines(self, name: str, count: int = 15) -> str:
        """Return the end of a program's log."""
        try:
            lines = self.log(name).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(lines[-count:])

    def log(self, name: str) -> Path:
        """Return the log file of a program."""
        return self._paths.logs / f"{name}.log"

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._paths.socket}")
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()

    def _write_config(self, programs: Iterable[Program]) -> None:
        config = configparser.RawConfigParser()
        config["unix_http_server"] = {"file": str(self._paths.socket), "chmod": "0600"}
        config["supervisord"] = {
            "identifier": f"perennial-{self._paths.stack_id}",
            "logfile": str(self.log("supervisord")),
            "logfile_maxbytes": "5MB",
            "logfile_backups": "1",
            "pidfile": str(self._paths.root / "supervisord.pid"),
            "childlogdir": str(self._paths.logs),
            "directory": str(CHECKOUT),
        }
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for program in programs:
            config[f"program:{program.name}"] = {
                "command": shlex.join(program.command),
                "directory": str(CHECKOUT),
                "autostart": "false",
                "autorestart": "true",
                "startsecs": str(_STEADY_SECONDS),
                "startretries": "2",
                "stopasgroup": "true",
                "killasgroup": "true",
                "stopwaitsecs": str(program.stop_seconds),
                "redirect_stderr": "true",
                "stdout_logfile": str(self.log(program.name)),
                "stdout_logfile_maxbytes": "10MB",
                "stdout_logfile_backups": "1",
            }
        # supervisord expands %(name)s in every value.
        for section in config.sections():
            for option, value in config.items(section):
                config.set(section, option, value.replace("%", "%%"))
        with self._config.open("w") as stream:
            config.write(stream)


def find_orphans(paths: StackPaths) -> list[psutil.Process]:
    """Return every process that carries the stack's id in its environment, oldest first.

    Jobs and servers of the emulator outlive it, and everything outlives a killed process manager. A process
    id may be reused by another program; the variable can't be mistaken, and child processes inherit it.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(STACK_VARIABLE) == paths.stack_id:
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.create_time())


def stop_processes(processes: Iterable[psutil.Process]) -> None:
    """Terminate processes; kill those that survive the grace period."""
    terminated = list(processes)
    for process in terminated:
        _signal(process, force=False)
    _, survivors = psutil.wait_procs(terminated, timeout=_ORPHAN_GRACE_SECONDS)
    for process in survivors:
        _signal(process, force=True)
    psutil.wait_procs(survivors, timeout=_ORPHAN_GRACE_SECONDS)


def describe_process(process: psutil.Process) -> str:
    """Return the process id and the beginning of the command line."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:100]}"
    except psutil.Error:
        return str(process.pid)


def _signal(process: psutil.Process, *, force: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill() if force else process.terminate()
