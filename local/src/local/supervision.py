"""The process manager of a stack: supervisord (http://supervisord.org) on a socket of its own."""

from __future__ import annotations

import configparser
import contextlib
import http.client
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

from supervisor.states import RUNNING_STATES, ProcessStates
from supervisor.xmlrpc import Faults, SupervisorTransport

from local.errors import StackError
from local.home import CHECKOUT, Home
from local.programs import Program

_START_SECONDS = 20
_STOP_SECONDS = 60
# A service that fails does so after its imports; one that lived longer counts as started.
_STEADY_SECONDS = 15
_NOT_THERE = (ConnectionError, FileNotFoundError, http.client.HTTPException, socket.timeout)


@dataclass(frozen=True, kw_only=True)
class ProgramStatus:
    """What the process manager says about a program.

    Attributes:
        name: the program.
        state: supervisord's term, `RUNNING` for instance.
        pid: 0 while it doesn't run.
        seconds: since it was started, 0 while it doesn't run.
        description: supervisord's words.
        alive: starting or running.
        gave_up: it ended too often and won't be started again.
    """

    name: str
    state: str
    pid: int
    seconds: int
    description: str
    alive: bool
    gave_up: bool


class Supervisor:
    """The process manager of one home: started detached, spoken to through its socket."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._config = home.root / "supervisord.conf"

    def start(self, programs: Iterable[Program], environment: Mapping[str, str]) -> None:
        """Start supervisord with all programs stopped.

        Raises:
            StackError: it did not start; says its last words.
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
        """Whether supervisord answers."""
        try:
            self._call("getState")
        except _NOT_THERE:
            return False
        return True

    def pid(self) -> int:
        """Supervisord's own process."""
        return int(self._call("getPID"))

    def start_program(self, name: str) -> None:
        """Start a program, without waiting for it; nothing to do if it runs."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise StackError(f"{name} did not start: {fault.faultString}") from fault

    def statuses(self) -> list[ProgramStatus]:
        """Every program; empty if supervisord doesn't run."""
        try:
            processes = self._call("getAllProcessInfo")
        except _NOT_THERE:
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
        """Stop programs at the same time and wait for them."""
        for name in names:
            with contextlib.suppress(xmlrpc.client.Fault, *_NOT_THERE):
                self._call("stopProcess", name, False)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if not any(status.pid for status in self.statuses() if status.name in names):
                return
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop supervisord and what it still runs, one after another; nothing to do if it doesn't run."""
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            try:
                self._call("shutdown")
            except _NOT_THERE:
                return
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != Faults.SHUTDOWN_STATE:
                    raise
            time.sleep(0.1)

    def last_lines(self, name: str, count: int = 15) -> str:
        """The end of a program's log."""
        try:
            lines = self.log(name).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(lines[-count:])

    def log(self, name: str) -> Path:
        """The log file of a program."""
        return self._home.logs / f"{name}.log"

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._home.socket}")
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()

    def _write_config(self, programs: Iterable[Program]) -> None:
        config = configparser.RawConfigParser()
        config["unix_http_server"] = {"file": str(self._home.socket), "chmod": "0600"}
        config["supervisord"] = {
            "identifier": f"perennial-{self._home.stack_id}",
            "logfile": str(self.log("supervisord")),
            "logfile_maxbytes": "5MB",
            "logfile_backups": "1",
            "pidfile": str(self._home.root / "supervisord.pid"),
            "childlogdir": str(self._home.logs),
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
