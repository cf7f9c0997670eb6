"""Carries out one custom job."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.rpc import code_pb2

from emulator.config import Config
from emulator.errors import InvalidArgument
from emulator.faults import Faults
from emulator.processes import StartError
from emulator.vertex.containers import UnmappedImageError
from emulator.vertex.job_thread import JobThread
from emulator.vertex.launches import engines_needed
from emulator.vertex.outcome import (
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
from emulator.vertex.paths import Artifacts
from emulator.vertex.replica_group import ReplicaGroup
from emulator.vertex.replicas import plan_replicas
from emulator.vertex.resources import Resources

_CANCEL_GRACE_SECONDS = 10.0
_STOP_GRACE_SECONDS = 3.0
_OTHERS_GRACE_SECONDS = 10.0
"""How long the other replicas may take once the primary one has ended well."""


class JobRun(JobThread):
    """The thread of one custom job: prepares, starts its replicas and watches them."""

    def __init__(
        self,
        config: Config,
        faults: Faults,
        group: ReplicaGroup,
        jobs: Resources,
        name: str,
        *,
        on_end: Callable[[], Any],
    ) -> None:
        """Not started yet.

        Args:
            config: the emulator's.
            faults: what shall go wrong.
            group: the job's replicas.
            jobs: where the job is.
            name: the job's resource name.
            on_end: called last of all.
        """
        super().__init__(jobs, name, on_end=on_end)
        self._config = config
        self._faults = faults
        self._group = group
        self._preempt_at: float | None = None

    def carry_out(self) -> Outcome:
        """Run the replicas to their end."""
        outcome = self._prepare() or self._launch() or self._watch()
        self._group.terminate(_STOP_GRACE_SECONDS if outcome is STOPPED else _CANCEL_GRACE_SECONDS)
        return outcome

    def ended_at(self) -> datetime:
        """When the last replica ended."""
        return self._group.ended_at() or super().ended_at()

    def _prepare(self) -> Outcome | None:
        """What a job does while it is PENDING."""
        if self._group.planned:
            return None
        fault = self._faults.take("slow_start")
        ready_at = time.monotonic() + (fault.delay_seconds if fault else 0.0)
        while time.monotonic() < ready_at:
            if outcome := self.interrupted():
                return outcome
            self.pause()
        self._group.job_directory.mkdir(parents=True, exist_ok=True)
        job = self._jobs.get(self._job_name)
        try:
            engines = engines_needed(self._config, job)
            self._install(job)
        except (UnmappedImageError, InstallError, InvalidArgument) as error:
            return failed(code_pb2.INVALID_ARGUMENT, str(error))
        if outcome := self.interrupted():
            return outcome
        self._group.plan(plan_replicas(job, engines))
        return None

    def _install(self, job: Any) -> None:
        artifacts = Artifacts(self._config)
        for pool, spec in enumerate(job.job_spec.worker_pool_specs):
            if spec.replica_count and "python_package_spec" in spec:
                uris = spec.python_package_spec.package_uris
                files = [artifacts.path(uri, "python_package_spec.package_uris") for uri in uris]
                install_packages(files, self._group.packages(pool))

    def _launch(self) -> Outcome | None:
        try:
            self._group.start(self._jobs.get(self._job_name))
        except StartError as error:
            return failed(code_pb2.INTERNAL, str(error))
        except UnmappedImageError as error:
            return failed(code_pb2.INVALID_ARGUMENT, str(error))
        self.mark_running(datetime.now(UTC))
        return None

    def _watch(self) -> Outcome:
        job = self._jobs.get(self._job_name)
        timeout = job.job_spec.scheduling.timeout or timedelta.max
        primary_ended_at: float | None = None
        while True:
            if outcome := self._ended_badly() or self.interrupted():
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
            self.pause()

    def _ended_badly(self) -> Outcome | None:
        for replica, code in self._group.exit_codes().items():
            if code is None and self._group.process(replica).lost():
                return lost(replica)
            if code:
                return replica_failed(replica, code, self._group.process(replica))
        return None

    def _is_preempted(self) -> bool:
        if self._preempt_at is None:
            fault = self._faults.take("preemption")
            if fault is None:
                return False
            self._preempt_at = time.monotonic() + fault.delay_seconds
        return time.monotonic() >= self._preempt_at
