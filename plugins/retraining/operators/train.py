"""`train`: TFRecords to an evaluated SavedModel, by a training job of Vertex AI."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retraining import labels, paths
from retraining.bench import Bench
from retraining.evaluation import Evaluation
from retraining.google.custom_jobs import CustomJobs
from retraining.google.job_logs import JobLogs
from retraining.job_spec import job_spec, training_arguments
from retraining.links import JobLink, TensorBoardLink
from retraining.operators.job import JobStep
from retraining.operators.production import version_in_production
from retraining.triggers.job import CustomJobTrigger

if TYPE_CHECKING:
    from retraining.labels import Identity


class TrainOperator(JobStep):
    """Trains on one conversion's records, and scores the version in production on the same evaluation set.

    Args:
        data_dir: the records' folder.
        tuned: arguments that a search has found, in place of the run's.

    Returns:
        `job`, `job_dir`, the `metrics`, the `production_version` that was scored too, and a `note`.
    """

    template_fields: Sequence[str] = ("data_dir", "tuned")
    operator_extra_links = (JobLink(), TensorBoardLink())

    def __init__(self, *, data_dir: str, tuned: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_dir = data_dir
        self.tuned = tuned

    def start(self, bench: Bench) -> str:
        """The training job of this run, made if there is none that is under way or has succeeded."""
        job, adopted = self.jobs(bench).find_or_create(self._identity(bench), self._job(bench))
        self.log.info("%s %s", "Adopted" if adopted else "Started", job.name)
        name: str = job.name
        return name

    def result(self, bench: Bench, job: str | None) -> Mapping[str, Any]:
        """What the evaluation says."""
        job_dir = self._job_dir(bench)
        evaluation = Evaluation.from_json(bench.storage.read_text(job_dir + paths.EVALUATION))
        metric = self.spec.gate.metric
        note = f"{metric} {evaluation.metrics.get(metric, math.nan):.4g} on {evaluation.examples} records"
        if metric in evaluation.test_metrics:
            note += f"; {evaluation.test_metrics[metric]:.4g} on {evaluation.test_examples} test records"
        self.log.info("%s: %s", note, dict(evaluation.metrics))
        return {
            "job": job,
            "job_dir": job_dir,
            "metrics": dict(evaluation.metrics),
            "production_version": evaluation.production_version,
            "note": note,
        }

    def cancel(self, bench: Bench) -> None:
        """Cancel this run's jobs."""
        self.jobs(bench).cancel_all(
            self._identity(bench), report=lambda name: self.log.info("Cancelling %s", name)
        )

    def jobs(self, bench: Bench) -> CustomJobs:
        """Vertex AI's training jobs."""
        return CustomJobs(bench.clients)

    def logs(self, bench: Bench, job: str) -> JobLogs:
        """The training job's lines."""
        return JobLogs.of_custom_job(bench.clients, job)

    def trigger_class(self) -> type[CustomJobTrigger]:
        """Waits for a training job."""
        return CustomJobTrigger

    def _identity(self, bench: Bench) -> Identity:
        inputs = {"data_dir": self.data_dir, "arguments": self._arguments(bench)}
        return labels.identify(self.spec.name, bench.run, self.task_id, inputs)

    def _arguments(self, bench: Bench) -> dict[str, Any]:
        return training_arguments(self.spec.training, bench.params, self.tuned)

    def _job_dir(self, bench: Bench) -> str:
        return paths.run_folder(bench.settings.bucket, self.spec.name, bench.run)

    def _job(self, bench: Bench) -> dict[str, Any]:
        job_dir = self._job_dir(bench)
        flags = {
            **self._arguments(bench),
            "data_dir": self.data_dir,
            "job_dir": job_dir,
            **self._production(bench),
        }
        return {
            "display_name": f"{self.spec.name}-{bench.run.slug}"[:128],
            "job_spec": job_spec(bench, self.spec.training, flags=flags, output=job_dir),
        }

    def _production(self, bench: Bench) -> dict[str, str]:
        version = version_in_production(bench, self.spec.name)
        if version is None:
            return {}
        return {"production_model": version.artifact_uri, "production_version": version.version}
