"""Jobs: submissions are documents of the state, their progress is in each job's folder."""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator import processes
from emulator.config import Config
from emulator.dataflow.events import (
    TERMINAL_STATES,
    Event,
    EventLog,
    Importance,
    JobState,
    Message,
    Metrics,
    StateChange,
    now,
)
from emulator.dataflow.submission import FILENAME, Submission
from emulator.errors import AlreadyExists, FailedPrecondition, NotFound
from emulator.faults import Faults
from emulator.iam import require_act_as
from emulator.processes import Process
from emulator.state import State

KIND = "dataflow.job"
"""The kind of the state's documents: `{"job": Job as JSON, "started": bool}`, by job id."""

_GRACE_SECONDS = 3.0
_LAST_LINES = 30


class Jobs:
    """Store of all jobs of all projects; safe to use from several threads."""

    def __init__(self, config: Config, state: State, faults: Faults) -> None:
        self._config = config
        self._state = state
        self._faults = faults
        self._lock = threading.RLock()

    def directory(self, job_id: str) -> Path:
        """Return the folder of a job: its submission, events, log, packages."""
        return self._config.jobs / job_id

    def create(self, job: dict[str, Any]) -> dict[str, Any]:
        """Start a job.

        Args:
            job: a valid Job as JSON with `projectId`, `location`, `name`.

        Returns:
            The new job, or the one that the same `clientRequestId` made before.

        Raises:
            AlreadyExists: a job of this name is active.
        """
        require_act_as(job.get("environment", {}).get("serviceAccountEmail", ""))
        request_id = job.get("clientRequestId")
        with self._lock:
            for other in self.all(job["projectId"], job["location"]):
                if request_id and other.get("clientRequestId") == request_id:
                    return other
                if other["name"] == job["name"] and other["currentState"] not in TERMINAL_STATES:
                    raise AlreadyExists(
                        f"There is already an active job named {job['name']}. If you want to submit a second "
                        "job, try again by setting a different name."
                    )
            created = now()
            new = {
                **job,
                "id": _new_id(),
                "createTime": created,
                "startTime": created,
                "currentState": JobState.PENDING,
                "currentStateTime": created,
            }
            directory = self.directory(new["id"])
            directory.mkdir(parents=True)
            (directory / FILENAME).write_text(json.dumps(new))
            self._put(new, started=False)
            self._start(new)
        return new

    def get(self, project: str, location: str, job_id: str) -> dict[str, Any]:
        """Return a job with its current state.

        Raises:
            NotFound: there is none of this id in the location.
        """
        document = self._document(job_id)
        job = document["job"]
        if (job["projectId"], job["location"]) != (project, location):
            raise _not_found(job_id)
        return self._refresh(document)

    def all(self, project: str, location: str | None) -> list[dict[str, Any]]:
        """Return the jobs of a project with their current states, oldest first; `None` is every location."""
        return [
            self._refresh(document)
            for document in self._state.list(KIND)
            if document["job"]["projectId"] == project and location in (None, document["job"]["location"])
        ]

    def cancel(self, project: str, location: str, job_id: str) -> dict[str, Any]:
        """Begin to cancel a job; it is CANCELLED once its process has ended.

        Raises:
            NotFound: there is none of this id in the location.
            FailedPrecondition: it has ended.
        """
        with self._lock:
            job = self.get(project, location, job_id)
            if job["currentState"] in TERMINAL_STATES:
                raise FailedPrecondition(f"Job {job_id} can't be cancelled: it is in {job['currentState']}.")
            if job["currentState"] != JobState.CANCELLING:
                job = {**job, "requestedState": JobState.CANCELLED}
                self._put(job, started=True)
                events = EventLog(self.directory(job_id))
                events.change_state(JobState.CANCELLING)
                events.add_message("Cancel request is committed for the job.")
                self._terminate_later(job_id)
        return self.get(project, location, job_id)

    def messages(self, job_id: str) -> list[Message]:
        """Return the messages of a job, oldest first."""
        return [event for event in self._events(job_id) if isinstance(event, Message)]

    def metrics(self, job_id: str) -> Metrics | None:
        """Return the newest metrics of a job; `None` if it has none yet."""
        found = [event for event in self._events(job_id) if isinstance(event, Metrics)]
        return found[-1] if found else None

    def resume(self) -> None:
        """Resume after a killed emulator: start jobs that weren't started, end those being cancelled."""
        for document in self._state.list(KIND):
            job = self._refresh(document)
            if job["currentState"] == JobState.CANCELLING:
                self._terminate_later(job["id"])
            elif not document["started"] and job["currentState"] == JobState.PENDING:
                self._start(job)

    def shut_down(self) -> None:
        """End all active jobs as FAILED, since nothing resumes them later."""
        active = [
            job["id"]
            for job in map(self._refresh, self._state.list(KIND))
            if job["currentState"] not in TERMINAL_STATES
        ]

        def end(job_id: str) -> None:
            EventLog(self.directory(job_id)).add_message(
                "The emulator was stopped.", importance=Importance.ERROR
            )
            processes.Process(self.directory(job_id)).terminate(_GRACE_SECONDS)

        with ThreadPoolExecutor(max_workers=max(1, len(active))) as pool:
            list(pool.map(end, active))
        for job_id in active:
            self._finish(job_id)

    def _start(self, job: dict[str, Any]) -> None:
        directory = self.directory(job["id"])
        missing = Submission.from_job(job).missing_resource(
            self._config.capacity.networks, self._config.images
        )
        if missing is not None:
            events = EventLog(directory)
            events.add_message(missing, importance=Importance.ERROR)
            events.change_state(JobState.FAILED)
            self._put(job, started=True)
            return
        # An emulator that was killed may have started it and not have come to writing that down.
        if self._process(job).lost():
            fault = self._faults.take("slow_start")
            delay_seconds = fault.delay_seconds if fault else 0.0
            module = "emulator.dataflow.job_main"
            processes.start(
                directory,
                [sys.executable, "-P", "-m", module, str(directory), str(delay_seconds)],
                environment=self._config.job_environment(
                    job["projectId"], job.get("environment", {}).get("serviceAccountEmail", "")
                ),
                cwd=directory,
            )
        self._put(job, started=True)

    def _terminate_later(self, job_id: str) -> None:
        process = processes.Process(self.directory(job_id))
        threading.Thread(target=process.terminate, args=(_GRACE_SECONDS,), daemon=True).start()

    def _refresh(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the job with its current state; a terminal one is stored."""
        job: dict[str, Any] = document["job"]
        if job["currentState"] in TERMINAL_STATES:
            return job
        # In this order: a process that has ended has said all it will say.
        ended = document["started"] and not self._process(job).running()
        job = _with_state(job, self._events(job["id"]))
        if ended or job["currentState"] in TERMINAL_STATES:
            return self._finish(job["id"])
        return job

    def _finish(self, job_id: str) -> dict[str, Any]:
        """Store the terminal state of a job."""
        with self._lock:
            job = _with_state(self._document(job_id)["job"], self._events(job_id))
            if job["currentState"] not in TERMINAL_STATES:
                self._finalize(job)
                job = _with_state(job, self._events(job_id))
            self._put(job, started=True)
        return job

    def _finalize(self, job: dict[str, Any]) -> None:
        """Add the terminal state of a job whose process ended without reporting one."""
        events = EventLog(self.directory(job["id"]))
        if job["currentState"] == JobState.CANCELLING:
            events.change_state(JobState.CANCELLED)
            return
        events.add_message(exit_reason(self._process(job)), importance=Importance.ERROR)
        events.change_state(JobState.FAILED)

    def _document(self, job_id: str) -> dict[str, Any]:
        document = self._state.get(KIND, job_id)
        if document is None:
            raise _not_found(job_id)
        return document

    def _process(self, job: dict[str, Any]) -> processes.Process:
        return processes.Process(self.directory(job["id"]))

    def _events(self, job_id: str) -> list[Event]:
        return EventLog(self.directory(job_id)).read()

    def _put(self, job: dict[str, Any], *, started: bool) -> None:
        self._state.put(KIND, job["id"], {"job": job, "started": started})


def _with_state(job: dict[str, Any], events: list[Event]) -> dict[str, Any]:
    state, time = job["currentState"], job["currentStateTime"]
    for event in events:
        if not isinstance(event, StateChange) or state in TERMINAL_STATES:
            continue
        # The process may still say RUNNING after it was told to stop.
        if state == JobState.CANCELLING and event.state not in TERMINAL_STATES:
            continue
        state, time = event.state, event.time
    return {**job, "currentState": state, "currentStateTime": time}


def _not_found(job_id: str) -> NotFound:
    return NotFound(
        f"Information about job {job_id} could not be found in our system. "
        "Please double check the id is correct."
    )


def _new_id() -> str:
    digits = random.SystemRandom().randrange(10**18, 10**19)
    return f"{datetime.now(UTC):%Y-%m-%d_%H_%M_%S}-{digits}"


def exit_reason(process: Process) -> str:
    """Return a sentence on how a job's process ended, and its last lines of output."""
    code = process.exit_code()
    if code is None:
        reason = "The job's process is gone and left no exit status: it was killed, or the machine stopped."
    elif code < 0:
        reason = f"The job's process was killed by {signal.Signals(-code).name}."
    else:
        reason = f"The job's process exited with status {code} before the pipeline had ended."
    return "\n".join([reason, *process.last_lines(_LAST_LINES)])
