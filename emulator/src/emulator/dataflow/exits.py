"""What there is to say of a job's process that ended before it said how the pipeline ended."""

from __future__ import annotations

import signal

from emulator.processes import Process

_LAST_LINES = 30


def describe_exit(process: Process) -> str:
    """One sentence, and the end of what it wrote."""
    code = process.exit_code()
    if code is None:
        reason = "The job's process is gone and left no exit status: it was killed, or the machine stopped."
    elif code < 0:
        reason = f"The job's process was killed by {signal.Signals(-code).name}."
    else:
        reason = f"The job's process exited with status {code} before the pipeline had ended."
    return "\n".join([reason, *process.last_lines(_LAST_LINES)])
