"""Runs one of the chain's programs in view of the person at the terminal."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence

from local.console import console
from local.errors import StackError


def run(module: str, arguments: Sequence[str]) -> None:
    """Run `python -m MODULE ARGUMENTS`; show the command, and what it prints as it prints it.

    Raises:
        StackError: it failed; its own words are on the terminal already.
    """
    _show(module, arguments)
    with subprocess.Popen(_command(module, arguments)) as process:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            # A training writes a checkpoint before it ends; leaving the block waits for that.
            process.terminate()
            raise
    if status != 0:
        raise StackError(f"python -m {module} ended with status {status}")


def output(
    module: str, arguments: Sequence[str], *, show: bool = True, environment: Mapping[str, str] | None = None
) -> str:
    """What `python -m MODULE ARGUMENTS` prints to its standard output.

    Raises:
        StackError: it failed; its own words are on the terminal already.
    """
    if show:
        _show(module, arguments)
    completed = subprocess.run(
        _command(module, arguments),
        stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **(environment or {})},
    )  # fmt: skip
    if completed.returncode != 0:
        raise StackError(f"python -m {module} ended with status {completed.returncode}")
    return completed.stdout


def _command(module: str, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _show(module: str, arguments: Sequence[str]) -> None:
    words = shlex.join(["python", "-m", module, *arguments])
    console.print(f"$ {words}", markup=False, soft_wrap=True, style="bold")
