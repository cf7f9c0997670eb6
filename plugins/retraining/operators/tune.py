"""`tune`: a search for better arguments, by a tuning job of Vertex AI, for a run that asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from contract import ContractError
from contract.spec import TuningSpec
from retraining import labels, paths, study
from retraining.bench import Bench
from retraining.google.tuning_jobs import TuningJobs
from retraining.job_spec import job_spec, training_arguments
from retraining.links import JobLink
from retraining.operators.job import JobStep
from retraining.params import TUNE
from retraining.triggers.job import TuningJobTrigger

if TYPE_CHECKING:
    from retraining.labels import Identity


class TrialLines:
    """What becomes of a search's trials, as lines of a log."""

    def __init__(self, jobs: TuningJobs, job: str, metric: str) -> None:
        self._jobs = jobs
        self._job = job
        self._metric = metric
        self._told: dict[str, str] = {}

    def new_lines(self) -> Iterator[str]:
        """A line for each trial of which there is news."""
        for trial in self._jobs.trials(self._job):
            sentence = trial.sentence(self._metric)
            if self._told.get(trial.id) != sentence:
                self._told[trial.id] = sentence
                yield sentence


class TuneOperator(JobStep):
    """Tries arguments on one conversion's records, if the run's parameter `tune` asks for it.

    Args:
        data_dir: the records' folder.

    Returns:
        `arguments` (those of the best trial, none without a search), `job`, `trials` (each one's `id`,
        `state`, `arguments` and `metrics`) and a `note`.
    """

    template_fields: Sequence[str] = ("data_dir",)
    operator_extra_links = (JobLink(),)

    def __init__(self, *, data_dir: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_dir = data_dir

    def start(self, bench: Bench) -> str | None:
        """The search of this run, made if there is none that is under way or has succeeded."""
        if not bench.params.get(TUNE, False):
            return None
        jobs, identity = self.jobs(bench), self._identity(bench)
        attempt = len(jobs.all(identity))
        job, adopted = jobs.find_or_create(identity, self._job(bench, attempt))
        self.log.info("%s %s", "Adopted" if adopted else "Started", job.name)
        name: str = job.name
        return name

    def result(self, bench: Bench, job: str | None) -> Mapping[str, Any]:
        """The best trial's arguments.

        Raises:
            AirflowException: no trial reported the gate's metric.
        """
        if job is None:
            note = f"not asked for: training uses the run's {', '.join(self._tuning.parameters)}"
            self.log.info(note)
            return {"arguments": {}, "job": None, "trials": [], "note": note}
        gate, trials = self.spec.gate, self.jobs(bench).trials(job)
        best = study.best_trial(trials, gate)
        if best is None:
            states = ", ".join(f"{trial.id} {trial.state}" for trial in trials) or "none"
            raise AirflowException(f"{job}: expected a trial that reports {gate.metric}, received {states}")
        note = f"best of {len(trials)}: {best.sentence(gate.metric)}"
        self.log.info(note)
        return {
            "arguments": study.arguments(best, self._tuning),
            "job": job,
            "trials": [
                {
                    "id": trial.id,
                    "state": trial.state,
                    "arguments": study.arguments(trial, self._tuning),
                    "metrics": dict(trial.metrics),
                }
                for trial in trials
            ],
            "note": note,
        }

    def cancel(self, bench: Bench) -> None:
        """Cancel this run's searches."""
        self.jobs(bench).cancel_all(
            self._identity(bench), report=lambda name: self.log.info("Cancelling %s", name)
        )

    def jobs(self, bench: Bench) -> TuningJobs:
        """Vertex AI's tuning jobs."""
        return TuningJobs(bench.clients)

    def logs(self, bench: Bench, job: str) -> TrialLines:
        """The news of the trials; what each of them writes is in the log of its own job."""
        return TrialLines(self.jobs(bench), job, self.spec.gate.metric)

    def trigger_class(self) -> type[TuningJobTrigger]:
        """Waits for a tuning job."""
        return TuningJobTrigger

    @property
    def _tuning(self) -> TuningSpec:
        tuning = self.spec.training.tuning
        if tuning is None:
            raise ContractError("training.tuning", expected="a search", received=None)
        return tuning

    def _arguments(self, bench: Bench) -> dict[str, Any]:
        asked = training_arguments(self.spec.training, bench.params)
        return {name: value for name, value in asked.items() if name not in self._tuning.parameters}

    def _identity(self, bench: Bench) -> Identity:
        inputs = {"data_dir": self.data_dir, "arguments": self._arguments(bench)}
        return labels.identify(self.spec.name, bench.run, self.task_id, inputs)

    def _job(self, bench: Bench, attempt: int) -> dict[str, Any]:
        """The search; each trial has a folder of its own below the output, named by its number."""
        output = paths.tuning_folder(bench.settings.bucket, self.spec.name, bench.run, attempt)
        flags = {**self._arguments(bench), "data_dir": self.data_dir, "job_dir": output}
        return {
            "display_name": f"{self.spec.name}-tune-{bench.run.slug}"[:128],
            "study_spec": study.study_spec(self._tuning, self.spec.gate),
            "max_trial_count": self._tuning.max_trials,
            "parallel_trial_count": self._tuning.parallel_trials,
            "trial_job_spec": job_spec(bench, self.spec.training, flags=flags, output=output),
        }
