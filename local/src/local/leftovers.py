"""Processes that outlived their process manager: jobs and servers of the emulator, or all after kill -9."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

import psutil

from local.environment import STACK_VARIABLE
from local.home import Home

_GRACE_SECONDS = 5


def find(home: Home) -> list[psutil.Process]:
    """Every process that carries the stack's mark in its environment, oldest first.

    A process id may be another program's by now; a mark can't be mistaken, and whatever a job starts inherits
    it.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(STACK_VARIABLE) == home.stack_id:
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.create_time())


def stop(processes: Iterable[psutil.Process]) -> None:
    """End processes: asked first, killed if they don't listen."""
    asked = list(processes)
    for process in asked:
        _signal(process, force=False)
    _, deaf = psutil.wait_procs(asked, timeout=_GRACE_SECONDS)
    for process in deaf:
        _signal(process, force=True)
    psutil.wait_procs(deaf, timeout=_GRACE_SECONDS)


def describe(process: psutil.Process) -> str:
    """A process in a few words."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:100]}"
    except psutil.Error:
        return str(process.pid)


def _signal(process: psutil.Process, *, force: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill() if force else process.terminate()
