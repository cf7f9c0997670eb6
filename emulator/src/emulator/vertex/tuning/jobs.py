"""Hyperparameter tuning jobs: what clients ask of them; `run` carries them out.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.hyperparameterTuningJobs
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import empty_pb2

from emulator.state import State
from emulator.vertex.custom_jobs import CustomJobs
from emulator.vertex.jobs import Jobs
from emulator.vertex.names import location_of
from emulator.vertex.operations import Operations
from emulator.vertex.resources import Resources
from emulator.vertex.tuning.run import TuningRun
from emulator.vertex.tuning.study_spec import check_tuning_job
from emulator.vertex.wire.messages import types

_KIND = "hyperparameterTuningJobs"


class HyperparameterTuningJobs:
    """JobService, as far as it concerns hyperparameter tuning jobs."""

    def __init__(self, state: State, custom_jobs: CustomJobs, operations: Operations) -> None:
        self._state = state
        self._custom_jobs = custom_jobs
        self._operations = operations
        self._jobs = Jobs(state, _KIND, types.HyperparameterTuningJob, self._make_run)

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """The methods by name."""
        return {
            "JobService.CreateHyperparameterTuningJob": self.create,
            "JobService.GetHyperparameterTuningJob": lambda request: self._jobs.get(request.name),
            "JobService.ListHyperparameterTuningJobs": self.list,
            "JobService.CancelHyperparameterTuningJob": self.cancel,
            "JobService.DeleteHyperparameterTuningJob": self.delete,
        }

    def start(self) -> None:
        """Go on with the jobs that an earlier process left unfinished."""
        self._jobs.start()

    def stop(self) -> None:
        """End what runs."""
        self._jobs.stop()

    def create(self, request: Any) -> Any:
        """JobService.CreateHyperparameterTuningJob."""
        job = types.HyperparameterTuningJob(request.hyperparameter_tuning_job)
        check_tuning_job(job)
        job.trials = []
        self._jobs.put(request.parent, job)
        self._jobs.run(job.name)
        return job

    def list(self, request: Any) -> Any:
        """JobService.ListHyperparameterTuningJobs: newest first."""
        page, token = self._jobs.page(request)
        return types.ListHyperparameterTuningJobsResponse(
            hyperparameter_tuning_jobs=page, next_page_token=token
        )

    def cancel(self, request: Any) -> Any:
        """JobService.CancelHyperparameterTuningJob: its trials end too; a job that is over stays as it is."""
        self._jobs.cancel(request.name)
        return empty_pb2.Empty()

    def delete(self, request: Any) -> Any:
        """JobService.DeleteHyperparameterTuningJob: only of a job that is over; its trials go too."""
        self._jobs.check_over(request.name)
        job = self._jobs.get(request.name)

        def work(_cancelled: threading.Event) -> Any:
            self._jobs.delete(job.name)
            for trial in job.trials:
                self._custom_jobs.remove(trial.custom_job)
            return empty_pb2.Empty()

        return self._operations.begin(location_of(job.name), types.DeleteOperationMetadata(), work)

    def _make_run(self, resources: Resources, name: str, on_end: Callable[[], Any]) -> TuningRun:
        return TuningRun(self._state, self._custom_jobs, resources, name, on_end=on_end)
