"""Carries out one HyperparameterTuningJob: starts trials, follows them, and learns from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.rpc import code_pb2

from emulator.state import State
from emulator.vertex.custom_jobs import CustomJobs
from emulator.vertex.job_thread import JobThread
from emulator.vertex.outcome import FINAL_STATES, STOPPED, SUCCEEDED, Outcome, failed
from emulator.vertex.resources import Resources
from emulator.vertex.tuning.trials import UNFINISHED, followed, new_trial, trial_job, tried
from emulator.vertex.wire.messages import types

_STATE = types.Trial.State


class TuningRun(JobThread):
    """The thread of one tuning job; its trials run as custom jobs, each with a thread of its own."""

    def __init__(
        self,
        state: State,
        custom_jobs: CustomJobs,
        jobs: Resources,
        name: str,
        *,
        on_end: Callable[[], Any],
    ) -> None:
        """Not started yet.

        Args:
            state: where all resources are kept.
            custom_jobs: what runs the trials.
            jobs: where the tuning job is.
            name: the tuning job's resource name.
            on_end: called last of all.
        """
        super().__init__(jobs, name, on_end=on_end)
        self._state = state
        self._custom_jobs = custom_jobs
        self._exhausted = False

    def carry_out(self) -> Outcome:
        """Run trials until there are enough, or too many failed."""
        while True:
            job = self._follow()
            if outcome := self.interrupted() or _too_many_failed(job):
                self._end_trials(outcome)
                return outcome
            job = self._start_trials(job)
            if not _unfinished(job):
                return _judge(job)
            self.pause()

    def _follow(self) -> Any:
        """Bring the trials that run up to date; returns the job."""
        job = self._jobs.get(self._job_name)
        trials = [self._followed(job, trial) for trial in job.trials]
        custom_jobs = [self._custom_jobs.get(trial.custom_job) for trial in _unfinished(job)]
        started = [custom_job.start_time for custom_job in custom_jobs if custom_job.start_time]
        if started and job.state == types.JobState.JOB_STATE_PENDING:
            self.mark_running(min(started))
        if trials == list(job.trials):
            return job

        def change(current: Any) -> None:
            current.trials = trials

        return self._jobs.change(self._job_name, change)

    def _followed(self, job: Any, trial: Any) -> Any:
        if trial.state not in UNFINISHED:
            return trial
        name = trial.custom_job
        # In this order: when the job is over, its folder has all that it will have.
        custom_job = self._custom_jobs.get(name)
        return followed(job.study_spec, trial, custom_job, self._custom_jobs.primary_directory(name))

    def _start_trials(self, job: Any) -> Any:
        """Start as many trials as there may be at a time; returns the job."""
        while (
            not self._exhausted
            and len(job.trials) < job.max_trial_count
            and len(_unfinished(job)) < job.parallel_trial_count
        ):
            job = self._start_trial(job)
        return job

    def _start_trial(self, job: Any) -> Any:
        # Here, since Optuna takes half a second to import.
        from emulator.vertex.tuning.suggestions import suggest

        point = suggest(
            job.study_spec,
            tried(job.study_spec, job.trials),
            seed=job.display_name,
            max_trial_count=job.max_trial_count,
        )
        if point is None:
            self._exhausted = True
            return job
        trial_id = str(len(job.trials) + 1)
        # In one step: after a kill -9 there is no job without its trial.
        with self._state.transaction():
            name = self._custom_jobs.put_trial(
                trial_job(job, point, trial_id=trial_id), tuning_job=self._job_name, trial_id=trial_id
            )
            trial = new_trial(job.study_spec, point, trial_id=trial_id, custom_job=name)
            job = self._jobs.change(self._job_name, lambda current: current.trials.append(trial))
        self._custom_jobs.run(name)
        return job

    def _end_trials(self, outcome: Outcome) -> None:
        """End the trials that run; when the emulator stops their jobs are ended with all others."""
        if outcome is not STOPPED:
            names = [trial.custom_job for trial in _unfinished(self._jobs.get(self._job_name))]
            self._change_unfinished(lambda trial: setattr(trial, "state", _STATE.STOPPING))
            for name in names:
                self._custom_jobs.cancel(types.CancelCustomJobRequest(name=name))
            while any(self._custom_jobs.get(name).state not in FINAL_STATES for name in names):
                self.pause()
        self._follow()

        def end(trial: Any) -> None:
            trial.state = _STATE.INFEASIBLE
            trial.infeasible_reason = outcome.message
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


def _too_many_failed(job: Any) -> Outcome | None:
    # Where the job names no number the service decides: here, more than half.
    most = job.max_failed_trial_count or job.max_trial_count // 2 + 1
    return _all_failed(job) if len(_infeasible(job)) >= most else None


def _judge(job: Any) -> Outcome:
    return SUCCEEDED if len(_infeasible(job)) < len(job.trials) else _all_failed(job)


def _all_failed(job: Any) -> Outcome:
    infeasible = _infeasible(job)
    return failed(
        code_pb2.INVALID_ARGUMENT,
        f"{len(infeasible)} of {len(job.trials)} trials failed. Trial {infeasible[-1].id}: "
        f"{infeasible[-1].infeasible_reason}",
    )
