"""Hyperparameter tuning jobs: JobService's methods, and the thread that runs each job.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.hyperparameterTuningJobs
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from google.protobuf import empty_pb2
from google.rpc import code_pb2

from emulator.iam import require_act_as
from emulator.state import State
from emulator.vertex.custom_jobs import CustomJobs
from emulator.vertex.gapic import types
from emulator.vertex.jobs import FINAL_STATES, STOPPED, SUCCEEDED, JobResult, Jobs, JobThread, failed
from emulator.vertex.machines import accelerators
from emulator.vertex.names import location_of
from emulator.vertex.operations import Operations
from emulator.vertex.resources import Resources
from emulator.vertex.study_spec import check_tuning_job
from emulator.vertex.trials import UNFINISHED, new_trial, trial_job, trial_results, updated_trial

_STATE = types.Trial.State
_KIND = "hyperparameterTuningJobs"


class TuningJobThread(JobThread):
    """Thread of one tuning job; its trials run as custom jobs, each with a thread of its own."""

    def __init__(
        self,
        state: State,
        custom_jobs: CustomJobs,
        jobs: Resources,
        name: str,
        *,
        on_end: Callable[[], Any],
    ) -> None:
        """Create the thread without starting it.

        Args:
            state: the state that holds all resources.
            custom_jobs: the custom jobs, which run the trials.
            jobs: the store of tuning jobs.
            name: the tuning job's resource name.
            on_end: called when the thread ends.
        """
        super().__init__(jobs, name, on_end=on_end)
        self._state = state
        self._custom_jobs = custom_jobs
        self._exhausted = False

    def execute(self) -> JobResult:
        """Run trials until there are enough, or too many have failed."""
        while True:
            job = self._follow()
            if result := self.interrupted() or _too_many_failed(job):
                self._end_trials(result)
                return result
            job = self._start_trials(job)
            if not _unfinished(job):
                return _final_result(job)
            self.pause()

    def _follow(self) -> Any:
        """Update the running trials and return the job."""
        job = self._jobs.get(self._job_name)
        trials = [self._updated_trial(job, trial) for trial in job.trials]
        custom_jobs = [self._custom_jobs.get(trial.custom_job) for trial in _unfinished(job)]
        started = [custom_job.start_time for custom_job in custom_jobs if custom_job.start_time]
        if started and job.state == types.JobState.JOB_STATE_PENDING:
            self.mark_running(min(started))
        if trials == list(job.trials):
            return job

        def change(current: Any) -> None:
            current.trials = trials

        return self._jobs.change(self._job_name, change)

    def _updated_trial(self, job: Any, trial: Any) -> Any:
        if trial.state not in UNFINISHED:
            return trial
        name = trial.custom_job
        # In this order: the folder of a finished job is complete.
        custom_job = self._custom_jobs.get(name)
        return updated_trial(job.study_spec, trial, custom_job, self._custom_jobs.primary_directory(name))

    def _start_trials(self, job: Any) -> Any:
        """Start as many trials as may run in parallel and return the job."""
        while (
            not self._exhausted
            and len(job.trials) < job.max_trial_count
            and len(_unfinished(job)) < job.parallel_trial_count
        ):
            job = self._start_trial(job)
        return job

    def _start_trial(self, job: Any) -> Any:
        # Here, since Optuna takes half a second to import.
        from emulator.vertex.suggestions import suggest

        values = suggest(
            job.study_spec,
            trial_results(job.study_spec, job.trials),
            seed=job.display_name,
            max_trial_count=job.max_trial_count,
        )
        if values is None:
            self._exhausted = True
            return job
        trial_id = str(len(job.trials) + 1)
        # In one step: after a kill -9 there is no job without its trial.
        with self._state.transaction():
            name = self._custom_jobs.add_trial(
                trial_job(job, values, trial_id=trial_id), tuning_job=self._job_name, trial_id=trial_id
            )
            trial = new_trial(job.study_spec, values, trial_id=trial_id, custom_job=name)
            job = self._jobs.change(self._job_name, lambda current: current.trials.append(trial))
        self._custom_jobs.run(name)
        return job

    def _end_trials(self, result: JobResult) -> None:
        """End the running trials; if the emulator stops, their jobs are stopped with all others."""
        if result is not STOPPED:
            names = [trial.custom_job for trial in _unfinished(self._jobs.get(self._job_name))]
            self._change_unfinished(lambda trial: setattr(trial, "state", _STATE.STOPPING))
            for name in names:
                self._custom_jobs.cancel(types.CancelCustomJobRequest(name=name))
            while any(self._custom_jobs.get(name).state not in FINAL_STATES for name in names):
                self.pause()
        self._follow()

        def end(trial: Any) -> None:
            trial.state = _STATE.INFEASIBLE
            trial.infeasible_reason = result.message
            trial.end_time = datetime.now(UTC)

        self._change_unfinished(end)

    def _change_unfinished(self, change: Callable[[Any], None]) -> None:
        def change_all(job: Any) -> None:
            for trial in _unfinished(job):
                change(trial)

        self._jobs.change(self._job_name, change_all)


def _unfinished(job: Any) -> list[Any]:
    return [trial for trial in job.trials if trial.state in UNFINISHED]


def _infeasible(job: Any) -> list[Any]:
    return [trial for trial in job.trials if trial.state == _STATE.INFEASIBLE]


def _too_many_failed(job: Any) -> JobResult | None:
    # Where the job names no number the service decides: here, more than half.
    most = job.max_failed_trial_count or job.max_trial_count // 2 + 1
    return _all_failed(job) if len(_infeasible(job)) >= most else None


def _final_result(job: Any) -> JobResult:
    return SUCCEEDED if len(_infeasible(job)) < len(job.trials) else _all_failed(job)


def _all_failed(job: Any) -> JobResult:
    infeasible = _infeasible(job)
    return failed(
        code_pb2.INVALID_ARGUMENT,
        f"{len(infeasible)} of {len(job.trials)} trials failed. Trial {infeasible[-1].id}: "
        f"{infeasible[-1].infeasible_reason}",
    )


class HyperparameterTuningJobs:
    """JobService's methods for hyperparameter tuning jobs."""

    def __init__(self, state: State, custom_jobs: CustomJobs, operations: Operations) -> None:
        self._state = state
        self._custom_jobs = custom_jobs
        self._operations = operations
        self._jobs = Jobs(state, _KIND, types.HyperparameterTuningJob, self._make_thread)

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """Handlers by the name of the method."""
        return {
            "JobService.CreateHyperparameterTuningJob": self.create,
            "JobService.GetHyperparameterTuningJob": lambda request: self._jobs.get(request.name),
            "JobService.ListHyperparameterTuningJobs": self.list,
            "JobService.CancelHyperparameterTuningJob": self.cancel,
            "JobService.DeleteHyperparameterTuningJob": self.delete,
        }

    def start(self) -> None:
        """Resume the jobs that an earlier process left unfinished."""
        self._jobs.start()

    def stop(self) -> None:
        """Stop all running jobs."""
        self._jobs.stop()

    def create(self, request: Any) -> Any:
        """JobService.CreateHyperparameterTuningJob."""
        job = types.HyperparameterTuningJob(request.hyperparameter_tuning_job)
        check_tuning_job(job)
        each = accelerators(job.trial_job_spec)
        wanted = {name: count * job.parallel_trial_count for name, count in each.items()}
        self._custom_jobs.check_quota(request.parent, wanted)
        require_act_as(job.trial_job_spec.service_account)
        job.trials = []
        self._jobs.add(request.parent, job)
        self._jobs.run(job.name)
        return job

    def list(self, request: Any) -> Any:
        """JobService.ListHyperparameterTuningJobs: newest first."""
        page, token = self._jobs.page(request)
        return types.ListHyperparameterTuningJobsResponse(
            hyperparameter_tuning_jobs=page, next_page_token=token
        )

    def cancel(self, request: Any) -> Any:
        """JobService.CancelHyperparameterTuningJob: with its trials; a finished job stays as it is."""
        self._jobs.cancel(request.name)
        return empty_pb2.Empty()

    def delete(self, request: Any) -> Any:
        """JobService.DeleteHyperparameterTuningJob: only of a finished job, with its trials."""
        self._jobs.check_finished(request.name)
        job = self._jobs.get(request.name)

        def work(_cancelled: threading.Event) -> Any:
            self._jobs.delete(job.name)
            for trial in job.trials:
                self._custom_jobs.remove(trial.custom_job)
            return empty_pb2.Empty()

        return self._operations.begin(location_of(job.name), types.DeleteOperationMetadata(), work)

    def _make_thread(self, resources: Resources, name: str, on_end: Callable[[], Any]) -> TuningJobThread:
        return TuningJobThread(self._state, self._custom_jobs, resources, name, on_end=on_end)
