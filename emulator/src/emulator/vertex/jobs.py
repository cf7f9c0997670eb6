"""What all kinds of jobs have in common: their resources, and a thread for each that isn't over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from emulator.errors import FailedPrecondition
from emulator.state import State
from emulator.vertex.job_thread import JobThread
from emulator.vertex.listing import select_page
from emulator.vertex.names import new_id
from emulator.vertex.outcome import FINAL_STATES
from emulator.vertex.resources import Resources
from emulator.vertex.wire.messages import types

_STOP_SECONDS = 15.0

MakeThread: TypeAlias = Callable[[Resources, str, Callable[[], Any]], JobThread]
"""From the resources, a job's name and what is called in the end to the thread that carries the job out."""


class Jobs:
    """The jobs of one kind."""

    def __init__(self, state: State, kind: str, message_type: Any, make_thread: MakeThread) -> None:
        """Nothing runs yet.

        Args:
            state: where the jobs are kept.
            kind: the collection in their names, `customJobs` for instance.
            message_type: the message class of a job.
            make_thread: what carries a job out.
        """
        self._kind = kind
        self._resources = Resources(state, kind, message_type)
        self._make_thread = make_thread
        self._threads: dict[str, JobThread] = {}

    def start(self) -> None:
        """Go on with the jobs that an earlier process left unfinished."""
        for job in reversed(self._resources.newest_first()):
            if job.state not in FINAL_STATES:
                self.run(job.name)

    def stop(self) -> None:
        """End what runs."""
        threads = list(self._threads.values())
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(_STOP_SECONDS)

    def put(self, parent: str, job: Any) -> Any:
        """Write down a new job below `projects/P/locations/L`, with a name of its own; it is PENDING."""
        job.name = f"{parent}/{self._kind}/{new_id()}"
        job.state = types.JobState.JOB_STATE_PENDING
        job.create_time = job.update_time = datetime.now(UTC)
        self._resources.put(job)
        return job

    def run(self, name: str) -> None:
        """Carry a job out in the background."""
        thread = self._make_thread(self._resources, name, lambda: self._threads.pop(name, None))
        self._threads[name] = thread
        thread.start()

    def get(self, name: str) -> Any:
        """The job of this name.

        Raises:
            NotFound: there is none.
        """
        return self._resources.get(name)

    def page(self, request: Any) -> tuple[list[Any], str]:
        """What a list request asks for, newest first, and the token of the next page or empty."""
        return select_page(
            self._resources.newest_first(request.parent),
            filter_text=request.filter,
            page_size=request.page_size,
            page_token=request.page_token,
        )

    def cancel(self, name: str) -> None:
        """Let a job come to its end; one that is over stays as it is.

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

    def check_over(self, name: str) -> None:
        """Refuse to go on with a job that is not over.

        Raises:
            NotFound: there is none of this name.
            FailedPrecondition: it isn't over.
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
