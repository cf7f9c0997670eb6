"""`tune` and `train`: hyperparameter tuning and training, by jobs of Vertex AI."""

from __future__ import annotations

import math
import secrets
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from contract import ContractError, TuningSpec, naming
from contract.artifacts import Evaluation
from retraining import lineage, tuning
from retraining.artifacts import read_curves
from retraining.comparison import compare_with_production, split_identity
from retraining.context import RunContext
from retraining.google.jobs import JobLogs
from retraining.google.storage import RawObject, Storage, in_parallel
from retraining.google.vertex_jobs import CustomJobs, TuningJobs, job_folder
from retraining.job_spec import (
    job_fields,
    job_inputs,
    job_machines,
    job_spec,
    run_machines,
    training_arguments,
)
from retraining.lineage import Lineage
from retraining.links import JobLink, TensorBoardLink
from retraining.operators import JobOperator, MachineWait
from retraining.params import TUNE
from retraining.tiers import Machines
from retraining.training_check import model_of
from retraining.triggers import CustomJobTrigger, TuningJobTrigger

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import CustomJob

    from contract.naming import Identity
    from retraining.tracking import TrackedRun


HOLDOUT_FOLDS = 5
"""A fifth of the training split is what trials are judged on."""


class TrialLines:
    """Progress of a tuning job's trials, as log lines."""

    def __init__(self, jobs: TuningJobs, job: str, metric: str) -> None:
        self._jobs = jobs
        self._job = job
        self._metric = metric
        self._told: dict[str, str] = {}

    def new_lines(self) -> Iterator[str]:
        """Give a line for each trial whose state or metric has changed."""
        for trial in self._jobs.trials(self._job):
            sentence = trial.sentence(self._metric)
            if self._told.get(trial.id) != sentence:
                self._told[trial.id] = sentence
                yield sentence


class MachinesOperator(JobOperator):
    """Operator of a job on the run's machines; the deployment's fallbacks take their place in time."""

    @abstractmethod
    def jobs(self, context: RunContext) -> CustomJobs | TuningJobs:
        """Return Vertex AI's jobs of the operator's kind."""

    @abstractmethod
    def identity(self, context: RunContext) -> Identity:
        """Return the identity of this run's job."""

    def cancel(self, context: RunContext) -> None:
        """Cancel this run's jobs."""
        self.jobs(context).cancel_all(
            self.identity(context), report=lambda name: self.log.info("Cancelling %s", name)
        )

    def machine_wait(self, context: RunContext) -> MachineWait:
        """Return how long the run has had no machines, and when it takes others."""
        choices = self._choices(context)
        longest = choices[-1].after_minutes + context.settings.infrastructure.training.wait_minutes
        return MachineWait(
            since=self._waits_since(context),
            longest=timedelta(minutes=longest),
            turns=[(timedelta(minutes=one.after_minutes), str(one)) for one in choices[1:]],
        )

    def machines(self, context: RunContext) -> Machines:
        """Return the machines to ask for now."""
        since, now = self._waits_since(context), datetime.now(UTC)
        waited = (now - since) / timedelta(minutes=1) if since else 0.0
        choices = self._choices(context)
        chosen = [one for one in choices if one.after_minutes <= waited][-1]
        if chosen is not choices[0]:
            self.log.warning("No %s for %.0f minutes: taking %s", choices[0], waited, chosen)
        return chosen

    def remark(self, context: RunContext, machines: str) -> str:
        """Return the end of the note of a job that had other machines than the run asked for."""
        asked = str(self._choices(context)[0])
        return "" if machines in ("", asked) else f"; on {machines}, since no {asked} came"

    @abstractmethod
    def _arguments(self, context: RunContext) -> dict[str, Any]:
        """Return the arguments of the training."""

    def _choices(self, context: RunContext) -> list[Machines]:
        params = {**context.params, **self._arguments(context)}
        return run_machines(context.settings, self.spec.training, params)

    def _waits_since(self, context: RunContext) -> datetime | None:
        """Return since when the run has waited in vain; a job that had its machines ended an earlier wait."""
        first = context.first_reschedule()
        if first is None:
            return None
        return max(filter(None, (first, self.jobs(context).last_with_machines(self.identity(context)))))


class TuneOperator(MachinesOperator):
    """Operator that tunes hyperparameters on one conversion's records, if the run's parameter `tune` is on.

    Args:
        snapshot: the id of the raw data.
        data_dir: the records' folder.

    Returns:
        `arguments` (those of the best trial, none without tuning), `job`, `trials` (each one's `id`,
        `state`, `arguments` and `metrics`) and a `note`.
    """

    template_fields: Sequence[str] = ("snapshot", "data_dir")
    operator_extra_links = (JobLink(),)

    def __init__(self, *, snapshot: str, data_dir: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.data_dir = data_dir

    def start(self, context: RunContext) -> str | None:
        """Return the tuning job of this run, created unless one is under way or has succeeded."""
        if not context.params.get(TUNE, False):
            return None
        job, adopted = self.jobs(context).get_or_create(self.identity(context), lambda _: self._job(context))
        self.log.info("%s %s", "Adopted" if adopted else "Started", job.name)
        name: str = job.name
        return name

    def result(self, context: RunContext, job: str | None) -> Mapping[str, Any]:
        """Return the best trial's arguments.

        Raises:
            AirflowException: no trial reported the gate's metric.
        """
        if job is None:
            note = f"no tuning: training uses the run's {', '.join(self._tuning.parameters)}"
            self.log.info(note)
            return {"arguments": {}, "job": None, "trials": [], "note": note}
        gate, trials = self.spec.gate, self.jobs(context).trials(job)
        best = tuning.best_trial(trials, gate)
        if best is None:
            states = ", ".join(f"{trial.id} {trial.state}" for trial in trials) or "none"
            raise AirflowException(f"{job}: expected a trial that reports {gate.metric}, received {states}")
        found = self.jobs(context).get(job)
        machines = job_machines(found.labels, found.trial_job_spec.scheduling)
        note = f"best of {len(trials)}: {best.sentence(gate.metric)}{self.remark(context, machines)}"
        self.log.info(note)
        return {
            "arguments": tuning.trial_arguments(best, self._tuning),
            "job": job,
            "trials": [
                {
                    "id": trial.id,
                    "state": trial.state,
                    "arguments": tuning.trial_arguments(trial, self._tuning),
                    "metrics": dict(trial.metrics),
                }
                for trial in trials
            ],
            "note": note,
        }

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Add the job and its best trial, if there was a tuning."""
        run.set_tags({"tuning_job": result["job"], "tuning": result["job"] and result["note"]})

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:  # noqa: ARG002
        """Return the records, if there was a tuning."""
        return Lineage(inputs=lineage.folders(self.data_dir) if result["job"] else [])

    def jobs(self, context: RunContext) -> TuningJobs:
        """Return Vertex AI's tuning jobs."""
        return TuningJobs(context.clients)

    def logs(self, context: RunContext, job: str, *, since: datetime) -> TrialLines:  # noqa: ARG002
        """Return the progress of the trials; each trial's own lines are in the log of its own job."""
        return TrialLines(self.jobs(context), job, self.spec.gate.metric)

    def trigger(self, context: RunContext, arguments: Mapping[str, Any]) -> TuningJobTrigger:  # noqa: ARG002
        """Return the trigger that waits for a tuning job."""
        return TuningJobTrigger(**arguments)

    @property
    def _tuning(self) -> TuningSpec:
        tuning = self.spec.training.tuning
        if tuning is None:
            raise ContractError("training.tuning", expected="a search space", received=None)
        return tuning

    def _arguments(self, context: RunContext) -> dict[str, Any]:
        arguments = training_arguments(self.spec.training, context.params)
        return {name: value for name, value in arguments.items() if name not in self._tuning.parameters}

    def identity(self, context: RunContext) -> Identity:
        """Return the identity of this run's job."""
        inputs = job_inputs(context, self.spec, snapshot=self.snapshot, data_dir=self.data_dir)
        return context.identity(self.spec.name, self.task_id, inputs)

    def _job(self, context: RunContext) -> dict[str, Any]:
        """Return the tuning job; each trial has a folder of its own below the output, named by its number.

        The trials of another job are never resumed.
        """
        machines = self.machines(context)
        output = context.names(self.spec.name).job_folder(self.identity(context), secrets.token_hex(4))
        flags = {**self._arguments(context), "data_dir": self.data_dir, "job_dir": output}
        if model_of(self.spec.training) is not None:
            # The records that the gate decides by have no part in the choice.
            flags["holdout_folds"] = HOLDOUT_FOLDS
        return {
            "display_name": f"{self.spec.name}-tune-{context.run.slug}"[:128],
            "study_spec": tuning.study_spec(self._tuning, self.spec.gate),
            "max_trial_count": self._tuning.max_trials,
            "parallel_trial_count": self._tuning.parallel_trials,
            "trial_job_spec": job_spec(
                context, self.spec.training, flags=flags, output=output, machines=machines
            ),
            **job_fields(context.settings, machines),
        }


class TrainOperator(MachinesOperator):
    """Operator that trains on one conversion's records, and evaluates production on the same records.

    Args:
        snapshot: the id of the raw data.
        data_dir: the records' folder.
        tuned: arguments of the best trial, in place of the run's.

    Returns:
        `job`, `job_dir`, its `machines`, the `metrics`, the `production_version` that was evaluated too, and
        a `note`.
    """

    template_fields: Sequence[str] = ("snapshot", "data_dir", "tuned")
    operator_extra_links = (JobLink(), TensorBoardLink())

    def __init__(
        self, *, snapshot: str, data_dir: str, tuned: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.data_dir = data_dir
        self.tuned = tuned

    def start(self, context: RunContext) -> str:
        """Return the training job of this run, created unless one is under way or has succeeded."""
        job, adopted = self.jobs(context).get_or_create(
            self.identity(context), lambda failed: self._job(context, failed)
        )
        self.log.info("%s %s", "Adopted" if adopted else "Started", job.name)
        name: str = job.name
        return name

    def result(self, context: RunContext, job: str | None) -> Mapping[str, Any]:
        """Return the metrics of the evaluation."""
        found = self.jobs(context).get(str(job))
        job_dir, machines = job_folder(found), job_machines(found.labels, found.job_spec.scheduling)
        evaluation = context.storage.read_artifact(job_dir, Evaluation)
        metric = self.spec.gate.metric
        note = f"{metric} {evaluation.metrics.get(metric, math.nan):.4g} on {evaluation.examples} records"
        if (test := evaluation.test) is not None and metric in test.metrics:
            note += f"; {test.metrics[metric]:.4g} on {test.examples} test records"
        note += self.remark(context, machines)
        self.log.info("%s: %s", note, dict(evaluation.metrics))
        return {
            "job": job,
            "job_dir": job_dir,
            "machines": machines,
            "metrics": dict(evaluation.metrics),
            "production_version": evaluation.production and evaluation.production.version,
            "note": note,
        }

    def measure(self, result: Mapping[str, Any]) -> None:
        """Record what the model reached on the validation split."""
        for metric, value in result["metrics"].items():
            self.record_gauge("model", value, metric=metric)

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:
        """Add the arguments of the training, its learning curves and its evaluation."""
        storage, job_dir = context.storage, result["job_dir"]
        run.log_params(self._arguments(context))
        run.log_evaluation(storage.read_artifact(job_dir, Evaluation))
        run.log_curves(read_curves(storage, job_dir, [found.name for found in storage.list(job_dir)]))
        run.set_tags({name: result[name] for name in ("job", "job_dir", "production_version")})

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:  # noqa: ARG002
        """Return the records, and the export with what it reached."""
        reached = {"metrics": result["metrics"], "production_version": result["production_version"]}
        exported = lineage.export(result["job_dir"], facets={"perennial_evaluation": reached})
        return Lineage(inputs=lineage.folders(self.data_dir), outputs=[exported])

    def jobs(self, context: RunContext) -> CustomJobs:
        """Return Vertex AI's training jobs."""
        return CustomJobs(context.clients)

    def logs(self, context: RunContext, job: str, *, since: datetime) -> JobLogs:
        """Return the training job's log lines."""
        return JobLogs.of_custom_job(context.clients, job, since=since)

    def trigger(self, context: RunContext, arguments: Mapping[str, Any]) -> CustomJobTrigger:  # noqa: ARG002
        """Return the trigger that waits for a training job."""
        return CustomJobTrigger(**arguments)

    def identity(self, context: RunContext) -> Identity:
        """Return the identity of this run's job."""
        inputs = job_inputs(
            context, self.spec, snapshot=self.snapshot, data_dir=self.data_dir, tuned=self.tuned or {}
        )
        return context.identity(self.spec.name, self.task_id, inputs)

    def _arguments(self, context: RunContext) -> dict[str, Any]:
        return training_arguments(self.spec.training, context.params, self.tuned)

    def _job(self, context: RunContext, failed: CustomJob | None) -> dict[str, Any]:
        """Return the training job, with a folder that no other job writes to.

        After a job that failed it begins with a copy of that one's checkpoints and learning curves.
        """
        machines = self.machines(context)
        job_dir = context.names(self.spec.name).job_folder(self.identity(context), secrets.token_hex(4))
        if failed is not None:
            before = job_folder(failed)
            self.log.info("Resuming from %s", before)
            _copy_progress(before, job_dir, context.storage)
        flags = {
            **self._arguments(context),
            "data_dir": self.data_dir,
            "job_dir": job_dir,
            **self.spec.gate.evaluation_flags,
            **self._production(context),
        }
        return {
            "display_name": f"{self.spec.name}-{context.run.slug}"[:128],
            "job_spec": job_spec(context, self.spec.training, flags=flags, output=job_dir, machines=machines),
            **job_fields(context.settings, machines),
        }

    def _production(self, context: RunContext) -> dict[str, str]:
        split = split_identity(context, self.spec, self.snapshot)
        compared = compare_with_production(context, self.spec, split=split)
        version = compared.production
        if version is None or compared.obstacle:
            if compared.obstacle:
                self.log.warning(compared.sentence(self.spec.gate.not_comparable))
            return {}
        return {"production_model": version.artifact_uri, "production_version": version.version}


def _copy_progress(source: str, target: str, storage: Storage) -> None:
    """Copy the folder of a job that has ended, but for the model, which is exported as a whole."""

    def copy(item: RawObject) -> None:
        storage.copy(source + item.name, target + item.name, generation=item.generation)

    found = storage.list(source)
    in_parallel(copy, [item for item in found if not item.name.startswith(naming.MODEL_FOLDER)])
