"""Custom jobs: JobService's methods, and the thread that runs each job.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2
from google.rpc import code_pb2

from emulator.config import Config
from emulator.errors import FailedPrecondition, InvalidArgument
from emulator.faults import Faults
from emulator.gcs_fuse import unmount_dead
from emulator.iam import require_act_as
from emulator.process_shim import LOG_FILE, LineLog
from emulator.processes import StartError
from emulator.state import State
from emulator.storage.names import uri_path
from emulator.vertex.containers import UnmappedImageError
from emulator.vertex.gapic import types
from emulator.vertex.job_spec import check_custom_job
from emulator.vertex.jobs import (
    STOPPED,
    SUCCEEDED,
    JobResult,
    Jobs,
    JobThread,
    failed,
    lost,
    preempted,
    replica_failed,
    timed_out,
)
from emulator.vertex.launchers import InstallError, install_packages, required_engines
from emulator.vertex.machines import accelerators, check_quota, missing_accelerators
from emulator.vertex.names import id_of, location_of, project_of
from emulator.vertex.operations import Operations
from emulator.vertex.paths import child_path, remove_child
from emulator.vertex.replica_group import ReplicaGroup
from emulator.vertex.replicas import plan_replicas
from emulator.vertex.resources import Resources
from emulator.vertex.trials import TrialIndex, TrialReference

_CANCEL_GRACE_SECONDS = 10.0
_STOP_GRACE_SECONDS = 3.0
_OTHERS_GRACE_SECONDS = 10.0
"""Time that the other replicas have to end once the primary one has succeeded."""
_MISSING = (
    "The job asks for {names}, which this machine hasn't. Start the emulator with --pretend-accelerators "
    "to run it without."
)
_PRETENDED = "The job asks for {names}, which this machine hasn't: it runs without (--pretend-accelerators)."
KIND = "customJobs"
"""Kind of the jobs' documents in the state."""


class CustomJobThread(JobThread):
    """Thread of one custom job: prepares it, starts its replicas and monitors them."""

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
        """Create the thread without starting it.

        Args:
            config: the emulator's.
            faults: the faults to inject.
            group: the job's replicas.
            jobs: the store of custom jobs.
            name: the job's resource name.
            on_end: called when the thread ends.
        """
        super().__init__(jobs, name, on_end=on_end)
        self._config = config
        self._faults = faults
        self._group = group
        self._preempt_at: float | None = None

    def execute(self) -> JobResult:
        """Run the replicas to their end."""
        result = self._prepare() or self._launch() or self._watch()
        self._group.terminate(_STOP_GRACE_SECONDS if result is STOPPED else _CANCEL_GRACE_SECONDS)
        return result

    def ended_at(self) -> datetime:
        """Return the time when the last replica ended."""
        return self._group.ended_at() or super().ended_at()

    def _prepare(self) -> JobResult | None:
        """Install packages and plan the replicas, while the job is PENDING."""
        if self._group.planned:
            return None
        fault = self._faults.take("slow_start")
        ready_at = time.monotonic() + (fault.delay_seconds if fault else 0.0)
        while (seconds := ready_at - time.monotonic()) > 0:
            if result := self.interrupted():
                return result
            self.pause(seconds)
        self._group.job_directory.mkdir(parents=True, exist_ok=True)
        job = self._jobs.get(self._job_name)
        missing = missing_accelerators(accelerators(job.job_spec))
        if missing and not self._config.capacity.pretended:
            return failed(code_pb2.RESOURCE_EXHAUSTED, _MISSING.format(names=", ".join(missing)))
        try:
            engines = required_engines(self._config, job)
            self._install(job)
        except (UnmappedImageError, InstallError, InvalidArgument) as error:
            return failed(code_pb2.INVALID_ARGUMENT, str(error))
        if result := self.interrupted():
            return result
        self._group.plan(plan_replicas(job, engines))
        if missing:
            self._note(_PRETENDED.format(names=", ".join(missing)))
        return None

    def _note(self, line: str) -> None:
        """Write a line into the log of the primary replica."""
        directory = self._group.directory(self._group.primary)
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / LOG_FILE).open("a") as file:
            LineLog(file).feed("stdout", f"{line}\n".encode())

    def _install(self, job: Any) -> None:
        for pool, spec in enumerate(job.job_spec.worker_pool_specs):
            if spec.replica_count and "python_package_spec" in spec:
                uris = spec.python_package_spec.package_uris
                files = [uri_path(self._config.buckets, uri) for uri in uris]
                install_packages(files, self._group.packages(pool))

    def _launch(self) -> JobResult | None:
        try:
            self._group.start(self._jobs.get(self._job_name))
        except StartError as error:
            return failed(code_pb2.INTERNAL, str(error))
        except UnmappedImageError as error:
            return failed(code_pb2.INVALID_ARGUMENT, str(error))
        self.mark_running(datetime.now(UTC))
        return None

    def _watch(self) -> JobResult:
        job = self._jobs.get(self._job_name)
        timeout = job.job_spec.scheduling.timeout or timedelta.max
        primary_ended_at: float | None = None
        while True:
            if result := self._ended_badly() or self.interrupted():
                return result
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

    def _ended_badly(self) -> JobResult | None:
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


class CustomJobs:
    """JobService's methods for custom jobs; trials are custom jobs too."""

    def __init__(self, config: Config, state: State, operations: Operations) -> None:
        self._config = config
        self._state = state
        self._operations = operations
        self._faults = Faults(state)
        self._trial_index = TrialIndex(state)
        self._jobs = Jobs(state, KIND, types.CustomJob, self._make_thread)

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """Handlers by the name of the method."""
        return {
            "JobService.CreateCustomJob": self.create,
            "JobService.GetCustomJob": lambda request: self.get(request.name),
            "JobService.ListCustomJobs": self.list,
            "JobService.CancelCustomJob": self.cancel,
            "JobService.DeleteCustomJob": self.delete,
        }

    def start(self) -> None:
        """Resume the jobs that an earlier process left unfinished."""
        unmount_dead(self._config.root)
        self._jobs.start()

    def stop(self) -> None:
        """Stop all running jobs."""
        self._jobs.stop()

    def create(self, request: Any) -> Any:
        """JobService.CreateCustomJob."""
        job = types.CustomJob(request.custom_job)
        check_custom_job(job)
        self.check_quota(request.parent, accelerators(job.job_spec))
        require_act_as(job.job_spec.service_account)
        self._jobs.add(request.parent, job)
        self.run(job.name)
        return job

    def check_quota(self, parent: str, wanted: Mapping[str, int]) -> None:
        """Refuse accelerators for a new job, or the trials of one, above the project's quota.

        Raises:
            ResourceExhausted: there are too many.
        """
        used: Counter[str] = Counter()
        for job in self._jobs.unfinished(project_of(parent)):
            used += accelerators(job.job_spec)
        check_quota(self._config.capacity.quotas, wanted, used)

    def add_trial(self, job: Any, *, tuning_job: str, trial_id: str) -> str:
        """Store the job of a trial, to be `run` later, and return its name."""
        self._jobs.add(location_of(tuning_job), job)
        self._trial_index.put(TrialReference(custom_job=job.name, tuning_job=tuning_job, trial_id=trial_id))
        return str(job.name)

    def run(self, name: str) -> None:
        """Run a job in the background."""
        self._jobs.run(name)

    def get(self, name: str) -> Any:
        """JobService.GetCustomJob."""
        return self._jobs.get(name)

    def list(self, request: Any) -> Any:
        """JobService.ListCustomJobs: newest first."""
        page, token = self._jobs.page(request)
        return types.ListCustomJobsResponse(custom_jobs=page, next_page_token=token)

    def cancel(self, request: Any) -> Any:
        """JobService.CancelCustomJob: a finished job stays as it is."""
        self._jobs.cancel(request.name)
        return empty_pb2.Empty()

    def delete(self, request: Any) -> Any:
        """JobService.DeleteCustomJob: only of a finished job; its log is deleted, too."""
        name = request.name
        self._jobs.check_finished(name)
        link = self._trial_index.get(name)
        if link is not None:
            raise FailedPrecondition(
                f"The CustomJob {name} is the trial {link.trial_id} of {link.tuning_job}: delete that."
            )

        def work(_cancelled: threading.Event) -> Any:
            self.remove(name)
            return empty_pb2.Empty()

        return self._operations.begin(location_of(name), types.DeleteOperationMetadata(), work)

    def remove(self, name: str) -> None:
        """Remove a finished job with its replicas' plan and its folder."""
        self._jobs.delete(name)
        self._trial_index.delete(name)
        self._group(name).delete_plan()
        remove_child(self._config.jobs, id_of(name))

    def primary_directory(self, name: str) -> Path | None:
        """Return the folder of a job's primary replica; `None` before the replicas are planned."""
        group = self._group(name)
        return group.directory(group.primary) if group.planned else None

    def _make_thread(self, resources: Resources, name: str, on_end: Callable[[], Any]) -> CustomJobThread:
        return CustomJobThread(self._config, self._faults, self._group(name), resources, name, on_end=on_end)

    def _group(self, name: str) -> ReplicaGroup:
        return ReplicaGroup(
            self._config, self._state, self._directory(name), name, trial=self._trial_index.get(name)
        )

    def _directory(self, name: str) -> Path:
        return child_path(self._config.jobs, id_of(name))
