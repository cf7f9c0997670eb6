"""Standard output of the commands, which is for programs to read."""

from __future__ import annotations

import os
import sys


def reserve_standard_output() -> None:
    """Give this process's standard output to `sys.stdout` of now; older holders write to the standard error.

    Airflow's loggers and its exporters' threads keep the stream that was `sys.stdout` when they began, so
    that no later redirection reaches them. For the first lines of a program, not for a function that
    others call: it stays so until the process ends.
    """
    before = sys.stdout
    if before is None:  # closed
        return
    before.flush()
    reserved = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(reserved, "w", encoding=before.encoding, errors=before.errors)
