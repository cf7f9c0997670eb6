"""Runs programs as subprocesses of a command: the project's, `python -m MODULE`, and tools."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import StackError
from local.console import console


def run(module: str, arguments: Sequence[str]) -> None:
    """Run `python -m MODULE ARGUMENTS`, showing the command line and its output.

    Raises:
        StackError: it failed; its own message is on the terminal already.
    """
    _show(module, arguments)
    if status := exit_status(module, arguments):
        raise StackError(f"python -m {module} ended with status {status}")


def exit_status(
    module: str, arguments: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> int:
    """Run `python -m MODULE ARGUMENTS` on this terminal and return its exit status.

    Args:
        module: the module.
        arguments: its command line.
        environment: of the process, by default this one's.
    """
    with subprocess.Popen(command(module, arguments), env=environment) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # A training writes a checkpoint before it ends; leaving the block waits for that.
            process.terminate()
            raise


def output(
    module: str, arguments: Sequence[str], *, show: bool = True, environment: Mapping[str, str] | None = None
) -> str:
    """Run `python -m MODULE ARGUMENTS` and return its standard output.

    Args:
        module: the module.
        arguments: its command line.
        show: print the command line.
        environment: variables besides those of this process.

    Raises:
        StackError: it failed; its own message is on the terminal already.
    """
    if show:
        _show(module, arguments)
    completed = subprocess.run(
        command(module, arguments),
        stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    if completed.returncode != 0:
        raise StackError(f"python -m {module} ended with status {completed.returncode}")
    return completed.stdout


def captured(arguments: Sequence[str], folder: Path) -> str:
    """Run a tool in a folder and return its standard output.

    Raises:
        StackError: it failed; the message has what it wrote.
    """
    completed = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    if completed.returncode:
        name = shlex.join(arguments[:3])
        raise StackError(f"{name} ended with status {completed.returncode}: {completed.stderr}")
    return completed.stdout


def command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the argument vector of `python -m MODULE ARGUMENTS`."""
    return [sys.executable, "-m", module, *arguments]


def _show(module: str, arguments: Sequence[str]) -> None:
    command_line = shlex.join(["python", "-m", module, *arguments])
    console.print(f"$ {command_line}", markup=False, soft_wrap=True, style="bold")
