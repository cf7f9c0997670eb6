"""Custom jobs: what clients ask of them; `job_run` carries them out.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf import empty_pb2

from emulator.config import Config
from emulator.errors import FailedPrecondition
from emulator.faults import Faults
from emulator.state import State
from emulator.vertex import replica_group
from emulator.vertex.job_run import FINAL_STATES, JobRun
from emulator.vertex.job_spec import check_custom_job
from emulator.vertex.listing import select_page
from emulator.vertex.names import id_of, location_of, new_id
from emulator.vertex.operations import Operations
from emulator.vertex.resources import Resources
from emulator.vertex.wire.messages import types

KIND = "customJobs"
"""Cloud Logging finds the jobs by it."""

_STOP_SECONDS = 15.0


class CustomJobs:
    """JobService, as far as it concerns custom jobs."""

    def __init__(self, config: Config, state: State, operations: Operations) -> None:
        self._config = config
        self._state = state
        self._operations = operations
        self._faults = Faults(state)
        self._jobs = Resources(state, KIND, types.CustomJob)
        self._runs: dict[str, JobRun] = {}

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """The methods by name."""
        return {
            "JobService.CreateCustomJob": self.create,
            "JobService.GetCustomJob": self.get,
            "JobService.ListCustomJobs": self.list,
            "JobService.CancelCustomJob": self.cancel,
            "JobService.DeleteCustomJob": self.delete,
        }

    def start(self) -> None:
        """Go on with the jobs that an earlier process left unfinished."""
        for job in reversed(self._jobs.newest_first()):
            if job.state not in FINAL_STATES:
                self._run(job.name)

    def stop(self) -> None:
        """End what runs."""
        runs = list(self._runs.values())
        for run in runs:
            run.stop()
        for run in runs:
            run.join(_STOP_SECONDS)

    def create(self, request: Any) -> Any:
        """JobService.CreateCustomJob."""
        job = types.CustomJob(request.custom_job)
        check_custom_job(job)
        job.name = f"{request.parent}/customJobs/{new_id()}"
        job.state = types.JobState.JOB_STATE_PENDING
        job.create_time = job.update_time = datetime.now(UTC)
        self._jobs.put(job)
        self._run(job.name)
        return job

    def get(self, request: Any) -> Any:
        """JobService.GetCustomJob."""
        return self._jobs.get(request.name)

    def list(self, request: Any) -> Any:
        """JobService.ListCustomJobs: newest first."""
        page, token = select_page(
            self._jobs.newest_first(request.parent),
            filter_text=request.filter,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return types.ListCustomJobsResponse(custom_jobs=page, next_page_token=token)

    def cancel(self, request: Any) -> Any:
        """JobService.CancelCustomJob: a job that is over stays as it is."""

        def change(job: Any) -> None:
            if job.state not in FINAL_STATES:
                job.state = types.JobState.JOB_STATE_CANCELLING

        self._jobs.change(request.name, change)
        run = self._runs.get(request.name)
        if run is not None:
            run.wake()
        return empty_pb2.Empty()

    def delete(self, request: Any) -> Any:
        """JobService.DeleteCustomJob: only of a job that is over; its log goes too."""
        job = self._jobs.get(request.name)
        if job.state not in FINAL_STATES:
            raise FailedPrecondition(
                f"The CustomJob {job.name} is in the state {job.state.name}: cancel it before it is deleted."
            )

        def work(_cancelled: threading.Event) -> Any:
            self._jobs.delete(job.name)
            self._state.delete(replica_group.KIND, job.name)
            shutil.rmtree(self._config.jobs / id_of(job.name), ignore_errors=True)
            return empty_pb2.Empty()

        return self._operations.begin(location_of(job.name), types.DeleteOperationMetadata(), work)

    def _run(self, name: str) -> None:
        run = JobRun(
            self._config,
            self._state,
            self._faults,
            self._jobs,
            name,
            on_end=lambda: self._runs.pop(name, None),
        )
        self._runs[name] = run
        run.start()
