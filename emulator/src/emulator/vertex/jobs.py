"""Jobs of any kind: their results, their threads and their resources."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from google.rpc import code_pb2, status_pb2

from emulator.errors import FailedPrecondition
from emulator.faults import Faults
from emulator.processes import Process
from emulator.state import State
from emulator.vertex.gapic import types
from emulator.vertex.names import new_id
from emulator.vertex.resources import Resources, select_page

FINAL_STATES = frozenset(
    {
        types.JobState.JOB_STATE_SUCCEEDED,
        types.JobState.JOB_STATE_FAILED,
        types.JobState.JOB_STATE_CANCELLED,
        types.JobState.JOB_STATE_EXPIRED,
    }
)
"""States of a finished job."""

_LAST_LINES = 20
_POLL_SECONDS = 0.1
_STOP_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """Final state of a job.

    Attributes:
        state: the JobState it ends in.
        code: the google.rpc.Code of its error; 0 for none.
        message: the error's message.
    """

    state: Any
    code: int = 0
    message: str = ""


def failed(code: int, message: str) -> JobResult:
    """Return the result of a FAILED job."""
    return JobResult(state=types.JobState.JOB_STATE_FAILED, code=code, message=message)


SUCCEEDED = JobResult(state=types.JobState.JOB_STATE_SUCCEEDED)
CANCELLED = JobResult(
    state=types.JobState.JOB_STATE_CANCELLED, code=code_pb2.CANCELLED, message="The job was cancelled."
)
STOPPED = failed(code_pb2.ABORTED, "The emulator was stopped while the job ran.")


def replica_failed(replica: str, exit_code: int, process: Process) -> JobResult:
    """Return the result of a job whose replica exited with another code than 0."""
    lines = "\n".join(process.last_lines(_LAST_LINES))
    # A shell's convention for a process that a signal killed, as containers have it.
    status = exit_code if exit_code > 0 else 128 - exit_code
    message = f"The replica {replica} exited with a non-zero status of {status}."
    return failed(code_pb2.INVALID_ARGUMENT, f"{message} Its last lines:\n{lines}" if lines else message)


def lost(replica: str) -> JobResult:
    """Return the result of a job whose replica vanished without an exit code."""
    return failed(
        code_pb2.INTERNAL,
        f"The replica {replica} is lost: its process is gone without a record of how it ended.",
    )


def preempted(replica: str) -> JobResult:
    """Return the result of a job whose replica was preempted."""
    return failed(code_pb2.UNAVAILABLE, f"The replica {replica} was preempted.")


def timed_out(timeout: timedelta) -> JobResult:
    """Return the result of a job that exceeded the timeout of its scheduling."""
    seconds = timeout.total_seconds()
    return failed(code_pb2.DEADLINE_EXCEEDED, f"The job ran longer than its timeout of {seconds:g} seconds.")


class JobThread(threading.Thread, ABC):
    """Thread that runs one job, or resumes one that an earlier emulator began, and stores its result."""

    def __init__(self, jobs: Resources, name: str, *, on_end: Callable[[], Any]) -> None:
        """Create the thread without starting it.

        Args:
            jobs: the store of the job.
            name: the job's resource name.
            on_end: called when the thread ends.
        """
        super().__init__(name=name, daemon=True)
        self._jobs = jobs
        self._job_name = name
        self._on_end = on_end
        self._woken = threading.Event()
        self._stopping = False

    def wake(self) -> None:
        """Make the thread check the job's state at once."""
        self._woken.set()

    def stop(self) -> None:
        """End the job because the emulator stops."""
        self._stopping = True
        self._woken.set()

    def run(self) -> None:
        """Run the job to its end and store the result."""
        try:
            self._finish(self.execute())
        finally:
            self._on_end()

    @abstractmethod
    def execute(self) -> JobResult:
        """Run the job; return when none of its processes is left."""

    def ended_at(self) -> datetime:
        """Return the time when the job ended."""
        return datetime.now(UTC)

    def interrupted(self) -> JobResult | None:
        """Return the result if the job was cancelled or the emulator stops, else `None`."""
        if self._jobs.get(self._job_name).state == types.JobState.JOB_STATE_CANCELLING:
            return CANCELLED
        return STOPPED if self._stopping else None

    def pause(self, seconds: float = _POLL_SECONDS) -> None:
        """Sleep between two polls, or until the thread is woken, as a cancellation does."""
        self._woken.wait(seconds)
        self._woken.clear()

    def mark_running(self, started_at: datetime) -> None:
        """Set the state to RUNNING; a cancelled job stays CANCELLING."""

        def change(job: Any) -> None:
            if job.state == types.JobState.JOB_STATE_PENDING:
                job.state = types.JobState.JOB_STATE_RUNNING
            if not job.start_time:
                job.start_time = started_at

        self._jobs.change(self._job_name, change)

    def _finish(self, result: JobResult) -> None:
        ended_at = self.ended_at()

        def change(job: Any) -> None:
            job.state = result.state
            # A program can end before its start is noted.
            job.end_time = max(ended_at, job.start_time or ended_at)
            if result.code:
                job.error = status_pb2.Status(code=result.code, message=result.message)

        self._jobs.change(self._job_name, change)


MakeThread: TypeAlias = Callable[[Resources, str, Callable[[], Any]], JobThread]
"""Makes a job's thread from the store, the job's name and the callback at its end."""


class Jobs:
    """Jobs of one kind: their resources and their threads."""

    def __init__(self, state: State, kind: str, message_type: Any, make_thread: MakeThread) -> None:
        """Create the store; `start` resumes jobs.

        Args:
            state: the state that holds the jobs.
            kind: the collection in their names, `customJobs` for instance.
            message_type: the message class of a job.
            make_thread: makes the thread that runs a job.
        """
        self._kind = kind
        self._resources = Resources(state, kind, message_type)
        self._make_thread = make_thread
        self._threads: dict[str, JobThread] = {}
        self._faults = Faults(state)
        self._hidden_until: dict[str, float] = {}

    def start(self) -> None:
        """Resume the jobs that an earlier process left unfinished."""
        for job in reversed(self._resources.newest_first()):
            if job.state not in FINAL_STATES:
                self.run(job.name)

    def stop(self) -> None:
        """Stop all running jobs."""
        threads = list(self._threads.values())
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(_STOP_SECONDS)

    def add(self, parent: str, job: Any) -> Any:
        """Store a new PENDING job below `projects/P/locations/L`, with a generated name."""
        job.name = f"{parent}/{self._kind}/{new_id()}"
        job.state = types.JobState.JOB_STATE_PENDING
        job.create_time = job.update_time = datetime.now(UTC)
        lag = self._faults.take("lagging_lists")
        if lag is not None:
            self._hidden_until[job.name] = time.monotonic() + lag.delay_seconds
        self._resources.put(job)
        return job

    def unfinished(self, project: str) -> list[Any]:
        """Return a project's jobs that still use their machines."""
        found = self._resources.newest_first(f"projects/{project}")
        return [job for job in found if job.state not in FINAL_STATES]

    def run(self, name: str) -> None:
        """Run a job in the background."""
        thread = self._make_thread(self._resources, name, lambda: self._threads.pop(name, None))
        self._threads[name] = thread
        thread.start()

    def get(self, name: str) -> Any:
        """Return the job of this name.

        Raises:
            NotFound: there is none.
        """
        return self._resources.get(name)

    def page(self, request: Any) -> tuple[list[Any], str]:
        """Return the page of a list request, newest first, and the token of the next page or an empty one."""
        return select_page(
            [job for job in self._resources.newest_first(request.parent) if self._is_listed(job.name)],
            filter_text=request.filter,
            page_size=request.page_size,
            page_token=request.page_token,
        )

    def _is_listed(self, name: str) -> bool:
        return time.monotonic() >= self._hidden_until.get(name, 0.0)

    def cancel(self, name: str) -> None:
        """Cancel a job; a finished one stays as it is.

        Raises:
            NotFound: there is none of this name.
        """

        def change(job: Any) -> None:
            if job.state not in FINAL_STATES:
                job.state = types.JobState.JOB_STATE_CANCELLING

        self._resources.change(name, change)
        thread = self._threads.get(name)
        if thread is not None:
            thread.wake()

    def check_finished(self, name: str) -> None:
        """Refuse a job that is not finished.

        Raises:
            NotFound: there is none of this name.
            FailedPrecondition: it isn't finished.
        """
        job = self.get(name)
        if job.state not in FINAL_STATES:
            raise FailedPrecondition(
                f"The {type(job).__name__} {name} is in the state {job.state.name}: cancel it before it is "
                "deleted."
            )

    def delete(self, name: str) -> None:
        """Remove a job's resource."""
        self._resources.delete(name)
