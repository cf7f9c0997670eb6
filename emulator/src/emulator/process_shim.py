"""Process shim: runs one command and records its output and exit code, whatever happens to the emulator.

python -m emulator.process_shim DIRECTORY  (runs DIRECTORY/command.json and returns once it has started)

In the folder it leaves `process.json` (who runs), `log` (one JSON object for each line of output) and in
the end `exit.json`, in one step: whoever is gone without it was killed from outside.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psutil

COMMAND_FILE = "command.json"
PROCESS_FILE = "process.json"
EXIT_FILE = "exit.json"
LOG_FILE = "log"

COMMAND_NOT_FOUND = 127
"""The exit code of a command that could not be started, as a shell has it."""

_LOOK_AGAIN_SECONDS = 0.1
_LONGEST_LINE_BYTES = 64 * 1024


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a file in one step, durably: it is there whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class LineLog:
    """Log file with one JSON object `{"time", "stream", "line"}` for each line of output."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._rests: dict[str, bytes] = {}

    def feed(self, stream: str, chunk: bytes) -> None:
        """Add the next bytes of a stream; an unfinished last line is buffered."""
        *lines, rest = (self._rests.get(stream, b"") + chunk).split(b"\n")
        if len(rest) >= _LONGEST_LINE_BYTES:
            lines, rest = [*lines, rest], b""
        self._rests[stream] = rest
        for line in lines:
            self._write(stream, line)
        self._file.flush()

    def finish(self) -> None:
        """Write the unfinished last lines."""
        for stream, rest in self._rests.items():
            if rest:
                self._write(stream, rest)
        self._rests.clear()
        self._file.flush()

    def _write(self, stream: str, line: bytes) -> None:
        text = line.decode(errors="replace").removesuffix("\r")
        self._file.write(json.dumps({"time": now(), "stream": stream, "line": text}) + "\n")


def now() -> str:
    """Return the current time as RFC 3339, in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def run(directory: Path, on_started: Callable[[], None]) -> None:
    """Run the command of a folder to its end.

    Args:
        directory: holds `command.json`: `{"argv", "environment", "cwd"}`.
        on_started: called once `process.json` (or, where there is nothing to run, `exit.json`) is there.
    """
    command = json.loads((directory / COMMAND_FILE).read_text())
    with (directory / LOG_FILE).open("a") as file:
        log = LineLog(file)
        try:
            # A session of its own: its process group can be signalled without reaching this process.
            child = subprocess.Popen(
                command["argv"], env=command["environment"], cwd=command["cwd"], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            log.feed("stderr", f"{command['argv'][0]}: {error}\n".encode())
            write_json(directory / EXIT_FILE, {"exit_code": COMMAND_NOT_FOUND, "time": now()})
            on_started()
            return
        write_json(
            directory / PROCESS_FILE,
            {"shim": _identity(os.getpid()), "command": _identity(child.pid), "time": now()},
        )
        _forward_termination(child)
        on_started()
        _copy_output(child, log)
        exit_code = child.wait()
        log.finish()
        os.fsync(file.fileno())
    write_json(directory / EXIT_FILE, {"exit_code": exit_code, "time": now()})


def _identity(pid: int) -> dict[str, float]:
    """Return the process id and create time, which together tell it from a later process with the same id."""
    return {"pid": pid, "create_time": psutil.Process(pid).create_time()}


def _forward_termination(child: subprocess.Popen[bytes]) -> None:
    """Forward termination signals to the command, such as those of a machine that shuts down."""

    def forward(number: int, _frame: FrameType | None) -> None:
        # Until it is reaped the child's id can't be another's.
        if child.returncode is None:
            os.killpg(child.pid, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)


def _copy_output(child: subprocess.Popen[bytes], log: LineLog) -> None:
    """Log both streams until they close, or until the command has ended; then kill its children."""
    assert child.stdout is not None  # noqa: S101  (for mypy: both are pipes)
    assert child.stderr is not None  # noqa: S101
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, "stdout")
        selector.register(child.stderr, selectors.EVENT_READ, "stderr")
        while selector.get_map():
            events = selector.select(_LOOK_AGAIN_SECONDS)
            for key, _ in events:
                chunk = os.read(key.fd, _LONGEST_LINE_BYTES)
                if chunk:
                    log.feed(key.data, chunk)
                else:
                    selector.unregister(key.fileobj)
            if not events and _is_over(child.pid):
                break
    # As in a container: when the first process ends, whatever it started ends too. Not reaped before this
    # point, its id still names its group.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except PermissionError:  # macOS says this of a group of which only a zombie is left
        return


def _is_over(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(arguments: list[str]) -> int:
    """Fork a shim that runs the command and return once it has started; returns the exit status."""
    directory = Path(arguments[0])
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        return 0 if os.read(reader, 1) else 1
    os.close(reader)
    os.setsid()

    def on_started() -> None:
        # The starter waits until nobody holds its standard error any more.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.write(writer, b"+")
        os.close(writer)

    run(directory, on_started)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
