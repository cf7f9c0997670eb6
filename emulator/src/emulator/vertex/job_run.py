"""Carries out one custom job, or goes on with one that an earlier emulator began."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.rpc import code_pb2, status_pb2

from emulator.config import Config
from emulator.errors import InvalidArgument
from emulator.faults import Faults
from emulator.processes import StartError
from emulator.state import State
from emulator.vertex.artifacts import Artifacts
from emulator.vertex.containers import UnmappedImageError
from emulator.vertex.names import id_of
from emulator.vertex.outcome import (
    CANCELLED,
    STOPPED,
    SUCCEEDED,
    Outcome,
    failed,
    lost,
    preempted,
    replica_failed,
    timed_out,
)
from emulator.vertex.packages import InstallError, install_packages
from emulator.vertex.replica_group import ReplicaGroup
from emulator.vertex.replicas import plan_replicas, replica_argv
from emulator.vertex.resources import Resources
from emulator.vertex.wire.messages import types

FINAL_STATES = frozenset(
    {
        types.JobState.JOB_STATE_SUCCEEDED,
        types.JobState.JOB_STATE_FAILED,
        types.JobState.JOB_STATE_CANCELLED,
        types.JobState.JOB_STATE_EXPIRED,
    }
)

_LOOK_SECONDS = 0.1
_CANCEL_GRACE_SECONDS = 10.0
_STOP_GRACE_SECONDS = 3.0
_OTHERS_GRACE_SECONDS = 10.0
"""How long the other replicas may take once the primary one has ended well."""


class JobRun(threading.Thread):
    """The thread of one job: prepares, starts its replicas, watches them, and writes down how it ended."""

    def __init__(
        self,
        config: Config,
        state: State,
        faults: Faults,
        jobs: Resources,
        name: str,
        *,
        on_end: Callable[[], Any],
    ) -> None:
        """Not started yet.

        Args:
            config: the emulator's.
            state: where the replicas are written down.
            faults: what shall go wrong.
            jobs: where the job is.
            name: the job's resource name.
            on_end: called last of all.
        """
        super().__init__(name=name, daemon=True)
        self._config = config
        self._faults = faults
        self._jobs = jobs
        self._job_name = name
        self._on_end = on_end
        self._woken = threading.Event()
        self._stopping = False
        self._directory = config.jobs / id_of(name)
        self._group = ReplicaGroup(config, state, self._directory, name)
        self._preempt_at: float | None = None

    def wake(self) -> None:
        """Look at the job's state at once."""
        self._woken.set()

    def stop(self) -> None:
        """End it because the emulator stops."""
        self._stopping = True
        self._woken.set()

    def run(self) -> None:
        """Carry the job out."""
        try:
            outcome = self._prepare() or self._launch() or self._watch()
            grace = _STOP_GRACE_SECONDS if outcome is STOPPED else _CANCEL_GRACE_SECONDS
            self._group.terminate(grace)
            self._finish(outcome)
        finally:
            self._on_end()

    def _prepare(self) -> Outcome | None:
        """What a job does while it is PENDING."""
        if self._group.planned:
            return None
        fault = self._faults.take("slow_start")
        ready_at = time.monotonic() + (fault.delay_seconds if fault else 0.0)
        while time.monotonic() < ready_at:
            if outcome := self._interrupted():
                return outcome
            self._pause()
        self._directory.mkdir(parents=True, exist_ok=True)
        job = self._jobs.get(self._job_name)
        try:
            for spec in job.job_spec.worker_pool_specs:
                if spec.replica_count:
                    replica_argv(self._config.images, spec)
            self._install(job)
        except (UnmappedImageError, InstallError, InvalidArgument) as error:
            return failed(code_pb2.INVALID_ARGUMENT, str(error))
        return self._interrupted()

    def _install(self, job: Any) -> None:
        artifacts = Artifacts(self._config)
        for pool, spec in enumerate(job.job_spec.worker_pool_specs):
            if spec.replica_count and "python_package_spec" in spec:
                uris = spec.python_package_spec.package_uris
                files = [artifacts.path(uri, "python_package_spec.package_uris") for uri in uris]
                install_packages(files, self._group.packages(pool))

    def _launch(self) -> Outcome | None:
        job = self._jobs.get(self._job_name)
        if not self._group.planned:
            self._group.plan(plan_replicas(job))
        try:
            self._group.start(job)
        except StartError as error:
            return failed(code_pb2.INTERNAL, str(error))

        def change(running: Any) -> None:
            # A cancelled job stays CANCELLING; one that was found again is RUNNING already.
            if running.state == types.JobState.JOB_STATE_PENDING:
                running.state = types.JobState.JOB_STATE_RUNNING
            if not running.start_time:
                running.start_time = datetime.now(UTC)

        self._jobs.change(self._job_name, change)
        return None

    def _watch(self) -> Outcome:
        job = self._jobs.get(self._job_name)
        timeout = job.job_spec.scheduling.timeout or timedelta.max
        primary_ended_at: float | None = None
        while True:
            if outcome := self._ended_badly() or self._interrupted():
                return outcome
            codes = self._group.exit_codes()
            if all(code == 0 for code in codes.values()):
                return SUCCEEDED
            if codes[self._group.primary] == 0:
                primary_ended_at = primary_ended_at or time.monotonic()
                if time.monotonic() - primary_ended_at > _OTHERS_GRACE_SECONDS:
                    return SUCCEEDED
            if datetime.now(UTC) - job.start_time > timeout:
                return timed_out(timeout)
            if self._is_preempted():
                self._group.kill(self._group.primary)
                return preempted(self._group.primary)
            self._pause()

    def _ended_badly(self) -> Outcome | None:
        for replica, code in self._group.exit_codes().items():
            if code is None and self._group.process(replica).lost():
                return lost(replica)
            if code:
                return replica_failed(replica, code, self._group.process(replica))
        return None

    def _interrupted(self) -> Outcome | None:
        if self._jobs.get(self._job_name).state == types.JobState.JOB_STATE_CANCELLING:
            return CANCELLED
        return STOPPED if self._stopping else None

    def _is_preempted(self) -> bool:
        if self._preempt_at is None:
            fault = self._faults.take("preemption")
            if fault is None:
                return False
            self._preempt_at = time.monotonic() + fault.delay_seconds
        return time.monotonic() >= self._preempt_at

    def _pause(self) -> None:
        self._woken.wait(_LOOK_SECONDS)
        self._woken.clear()

    def _finish(self, outcome: Outcome) -> None:
        ended_at = self._group.ended_at() or datetime.now(UTC)

        def change(job: Any) -> None:
            job.state = outcome.state
            job.end_time = ended_at
            if outcome.code:
                job.error = status_pb2.Status(code=outcome.code, message=outcome.message)

        self._jobs.change(self._job_name, change)
