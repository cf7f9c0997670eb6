"""How jobs end, and in which words the service says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.rpc import code_pb2

from emulator.processes import Process
from emulator.vertex.wire.messages import types

FINAL_STATES = frozenset(
    {
        types.JobState.JOB_STATE_SUCCEEDED,
        types.JobState.JOB_STATE_FAILED,
        types.JobState.JOB_STATE_CANCELLED,
        types.JobState.JOB_STATE_EXPIRED,
    }
)
"""The states of a job that is over."""

_LAST_LINES = 20


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a job.

    Attributes:
        state: the JobState it ends in.
        code: the google.rpc.Code of its error; 0 for none.
        message: what the error says.
    """

    state: Any
    code: int = 0
    message: str = ""


def failed(code: int, message: str) -> Outcome:
    """The job is FAILED."""
    return Outcome(state=types.JobState.JOB_STATE_FAILED, code=code, message=message)


SUCCEEDED = Outcome(state=types.JobState.JOB_STATE_SUCCEEDED)
CANCELLED = Outcome(
    state=types.JobState.JOB_STATE_CANCELLED, code=code_pb2.CANCELLED, message="The job was cancelled."
)
STOPPED = failed(code_pb2.ABORTED, "The emulator was stopped while the job ran.")


def replica_failed(replica: str, exit_code: int, process: Process) -> Outcome:
    """A replica ended with another exit code than 0."""
    lines = "\n".join(process.last_lines(_LAST_LINES))
    # A shell's convention for a process that a signal killed, as containers have it.
    status = exit_code if exit_code > 0 else 128 - exit_code
    message = f"The replica {replica} exited with a non-zero status of {status}."
    return failed(code_pb2.INVALID_ARGUMENT, f"{message} Its last lines:\n{lines}" if lines else message)


def lost(replica: str) -> Outcome:
    """A replica is gone, and nobody saw how it ended."""
    return failed(
        code_pb2.INTERNAL,
        f"The replica {replica} is lost: its process is gone without a record of how it ended.",
    )


def preempted(replica: str) -> Outcome:
    """A replica's machine was taken back."""
    return failed(code_pb2.UNAVAILABLE, f"The replica {replica} was preempted.")


def timed_out(timeout: timedelta) -> Outcome:
    """The job ran longer than its scheduling allows."""
    seconds = timeout.total_seconds()
    return failed(code_pb2.DEADLINE_EXCEEDED, f"The job ran longer than its timeout of {seconds:g} seconds.")
