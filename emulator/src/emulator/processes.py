"""Processes that outlive the emulator: a killed emulator's jobs go on, and the next one finds them again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from emulator.process_shim import COMMAND_FILE, EXIT_FILE, LOG_FILE, PROCESS_FILE, LineLog, write_json

_POLL_SECONDS = 0.02
_SAME_CREATE_TIME_SECONDS = 1.0
_RECORD_SECONDS = 5.0


class StartError(Exception):
    """The shim of a process did not start; the message holds its output."""


@dataclass(frozen=True)
class Process:
    """Command under its process shim, found by its folder alone.

    Attributes:
        directory: holds `command.json`, `process.json`, `log` and, in the end, `exit.json`.
    """

    directory: Path

    def running(self) -> bool:
        """Return True while the command runs under its shim."""
        return self._read(EXIT_FILE) is None and self._find("shim") is not None

    def exit_code(self) -> int | None:
        """Return the exit code, or minus the signal that killed the command.

        `None` while it runs, and for ever where it is `lost`.
        """
        record = self._read(EXIT_FILE)
        return None if record is None else int(record["exit_code"])

    def lost(self) -> bool:
        """Return True if it ended without a record of its exit code: killed from outside, with its shim."""
        # In this order: between the two questions a record may appear, but never vanish.
        return self._find("shim") is None and self._read(EXIT_FILE) is None

    def started_at(self) -> datetime | None:
        """Return the start time; `None` if the command could not be started."""
        return _time(self._read(PROCESS_FILE))

    def ended_at(self) -> datetime | None:
        """Return the end time; `None` while the command runs and if it is `lost`."""
        return _time(self._read(EXIT_FILE))

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines of output, both streams together."""
        try:
            with (self.directory / LOG_FILE).open() as file:
                lines = deque(file, maxlen=count)
        except FileNotFoundError:
            return []
        # The last line may be half written.
        return [json.loads(line)["line"] for line in lines if line.endswith("\n")]

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for the end; returns False after the timeout."""
        deadline = time.monotonic() + timeout_seconds
        while self.running():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def terminate(self, grace_seconds: float) -> None:
        """End the command and all its children: SIGTERM first, SIGKILL to what is left after the grace.

        Args:
            grace_seconds: time to end after SIGTERM.
        """
        command = self._find("command")
        if command is None:
            return
        family = _family(command)
        _signal(command, family, signal.SIGTERM)
        alive = _still_alive([command, *family], grace_seconds)
        if alive:
            _signal(command, alive, signal.SIGKILL)
            _still_alive(alive, _RECORD_SECONDS)
        self.wait(_RECORD_SECONDS)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = json.loads((self.directory / name).read_text())
        except FileNotFoundError:
            return None
        return document

    def _find(self, role: str) -> psutil.Process | None:
        """Return the living process of this role; one that got the same id later is another."""
        # Records of version 0.1.0 have another name for the shim.
        identity = (self._read(PROCESS_FILE) or {}).get(role)
        if identity is None:
            return None
        try:
            process = psutil.Process(int(identity["pid"]))
            # A create time follows corrections of the system's clock.
            same = abs(process.create_time() - identity["create_time"]) < _SAME_CREATE_TIME_SECONDS
        except psutil.NoSuchProcess:
            return None
        return process if same and _is_alive(process) else None


def start(
    directory: Path, argv: Sequence[str], *, environment: Mapping[str, str], cwd: Path, notice: str = ""
) -> Process:
    """Run a command that goes on when this process is killed; returns once it runs.

    Args:
        directory: its own folder, made here; where a command ran in it before, its log goes on.
        argv: the command and its arguments.
        environment: its whole environment.
        cwd: the folder that it starts in.
        notice: a line that goes into its log first, if not empty.

    Raises:
        StartError: the shim did not start. A command that can't be started is no error here: it ends
            with the exit code 127.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in (EXIT_FILE, PROCESS_FILE):
        (directory / name).unlink(missing_ok=True)
    write_json(
        directory / COMMAND_FILE, {"argv": list(argv), "environment": dict(environment), "cwd": str(cwd)}
    )
    if notice:
        with (directory / LOG_FILE).open("a") as file:
            LineLog(file).feed("stdout", f"{notice}\n".encode())
    # -P: a job's files must not stand in for the shim's modules.
    shim = subprocess.run(
        [sys.executable, "-P", "-m", "emulator.process_shim", str(directory)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if shim.returncode != 0:
        raise StartError(f"{directory}: the process shim did not start:\n{shim.stderr}")
    return Process(directory)


def _time(record: dict[str, Any] | None) -> datetime | None:
    return None if record is None else datetime.fromisoformat(record["time"])


def _family(command: psutil.Process) -> list[psutil.Process]:
    try:
        return command.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_alive(process: psutil.Process) -> bool:
    """Return True unless it has ended; a zombie has: nobody may ever reap it if process 1 is no init."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _still_alive(candidates: Sequence[psutil.Process], timeout_seconds: float) -> list[psutil.Process]:
    """Wait for processes to end; returns those that did not."""
    deadline = time.monotonic() + timeout_seconds
    while alive := [process for process in candidates if _is_alive(process)]:
        if time.monotonic() >= deadline:
            break
        time.sleep(_POLL_SECONDS)
    return alive


def _signal(command: psutil.Process, others: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Signal the command's group, then those who left it."""
    # The command leads its group. Nobody else can have the number while one of the group lives.
    with suppress(ProcessLookupError):
        os.killpg(command.pid, number)
    for process in others:
        try:
            if os.getpgid(process.pid) != command.pid:
                process.send_signal(number)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
