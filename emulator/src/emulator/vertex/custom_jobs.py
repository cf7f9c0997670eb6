"""Custom jobs: what clients ask of them; `job_run` carries them out.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2

from emulator.config import Config
from emulator.errors import FailedPrecondition
from emulator.faults import Faults
from emulator.state import State
from emulator.vertex.job_run import JobRun
from emulator.vertex.job_spec import check_custom_job
from emulator.vertex.jobs import Jobs
from emulator.vertex.names import id_of, location_of
from emulator.vertex.operations import Operations
from emulator.vertex.paths import child_path, remove_child
from emulator.vertex.replica_group import ReplicaGroup
from emulator.vertex.resources import Resources
from emulator.vertex.trial_links import TrialLink, TrialLinks
from emulator.vertex.wire.messages import types

KIND = "customJobs"
"""Cloud Logging finds the jobs by it."""


class CustomJobs:
    """JobService, as far as it concerns custom jobs; trials are custom jobs too."""

    def __init__(self, config: Config, state: State, operations: Operations) -> None:
        self._config = config
        self._state = state
        self._operations = operations
        self._faults = Faults(state)
        self._links = TrialLinks(state)
        self._jobs = Jobs(state, KIND, types.CustomJob, self._make_run)

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """The methods by name."""
        return {
            "JobService.CreateCustomJob": self.create,
            "JobService.GetCustomJob": lambda request: self.get(request.name),
            "JobService.ListCustomJobs": self.list,
            "JobService.CancelCustomJob": self.cancel,
            "JobService.DeleteCustomJob": self.delete,
        }

    def start(self) -> None:
        """Go on with the jobs that an earlier process left unfinished."""
        self._jobs.start()

    def stop(self) -> None:
        """End what runs."""
        self._jobs.stop()

    def create(self, request: Any) -> Any:
        """JobService.CreateCustomJob."""
        job = types.CustomJob(request.custom_job)
        check_custom_job(job)
        self._jobs.put(request.parent, job)
        self.run(job.name)
        return job

    def put_trial(self, job: Any, *, tuning_job: str, trial_id: str) -> str:
        """Write down the job of a trial, to be `run` later; returns its name."""
        self._jobs.put(location_of(tuning_job), job)
        self._links.put(TrialLink(custom_job=job.name, tuning_job=tuning_job, trial_id=trial_id))
        return str(job.name)

    def run(self, name: str) -> None:
        """Carry a job out in the background."""
        self._jobs.run(name)

    def get(self, name: str) -> Any:
        """JobService.GetCustomJob."""
        return self._jobs.get(name)

    def list(self, request: Any) -> Any:
        """JobService.ListCustomJobs: newest first."""
        page, token = self._jobs.page(request)
        return types.ListCustomJobsResponse(custom_jobs=page, next_page_token=token)

    def cancel(self, request: Any) -> Any:
        """JobService.CancelCustomJob: a job that is over stays as it is."""
        self._jobs.cancel(request.name)
        return empty_pb2.Empty()

    def delete(self, request: Any) -> Any:
        """JobService.DeleteCustomJob: only of a job that is over; its log goes too."""
        name = request.name
        self._jobs.check_over(name)
        link = self._links.get(name)
        if link is not None:
            raise FailedPrecondition(
                f"The CustomJob {name} is the trial {link.trial_id} of {link.tuning_job}: delete that."
            )

        def work(_cancelled: threading.Event) -> Any:
            self.remove(name)
            return empty_pb2.Empty()

        return self._operations.begin(location_of(name), types.DeleteOperationMetadata(), work)

    def remove(self, name: str) -> None:
        """Remove a job that is over, with all that it left here."""
        self._jobs.delete(name)
        self._links.delete(name)
        self._group(name).forget()
        remove_child(self._config.jobs, id_of(name))

    def primary_directory(self, name: str) -> Path | None:
        """The folder of the replica that speaks for a job; `None` before it is decided which that is."""
        group = self._group(name)
        return group.directory(group.primary) if group.planned else None

    def _make_run(self, resources: Resources, name: str, on_end: Callable[[], Any]) -> JobRun:
        return JobRun(self._config, self._faults, self._group(name), resources, name, on_end=on_end)

    def _group(self, name: str) -> ReplicaGroup:
        return ReplicaGroup(
            self._config, self._state, self._directory(name), name, trial=self._links.get(name)
        )

    def _directory(self, name: str) -> Path:
        return child_path(self._config.jobs, id_of(name))
