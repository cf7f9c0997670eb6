"""Comparison of a trained model with a version that came into production since: one small job scores both."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from airflow.sdk.exceptions import AirflowException

from contract import DatasetSpec, naming
from contract.artifacts import Evaluation
from retraining.context import RunContext
from retraining.google.jobs import JobLogs, follow
from retraining.google.models import ModelVersion
from retraining.google.vertex_jobs import CustomJobs, job_folder
from retraining.job_spec import job_fields, job_spec
from retraining.params import SPOT
from retraining.tiers import Machines, find_tier

SMALL_TIER = "BASIC"
"""Tier of the job, where the deployment has it; else that of the training."""

_TASK = "score"

log = logging.getLogger(__name__)


class Rescoring:
    """Scoring job of one run's model against the version that serves now.

    Args:
        context: the task's surroundings.
        spec: the dataset.
        job_dir: folder of the training job.
        data_dir: folder of the records that the model was validated on.
        production: the version that serves.
    """

    def __init__(
        self, context: RunContext, spec: DatasetSpec, *, job_dir: str, data_dir: str, production: ModelVersion
    ) -> None:
        self._context = context
        self._spec = spec
        self._job_dir = job_dir
        self._data_dir = data_dir
        self._production = production
        inputs = {
            "job_dir": job_dir,
            "data_dir": data_dir,
            "production": production.name,
            "flags": spec.gate.evaluation_flags,
        }
        self._identity = context.identity(spec.name, _TASK, inputs)

    def run(self) -> Evaluation:
        """Return the model's evaluation beside the version that serves, by a job started or adopted.

        Raises:
            AirflowException: the job failed.
        """
        jobs = CustomJobs(self._context.clients)
        job, adopted = jobs.get_or_create(self._identity, lambda _: self._job())
        name: str = job.name
        begun = "Adopted" if adopted else "Started"
        log.info("%s %s: comparing with version %s", begun, name, self._production.version)
        logs = JobLogs.of_custom_job(self._context.clients, name, since=job.create_time)
        status = follow(jobs, name, logs, poll_seconds=self._context.settings.poll_seconds, log=log)
        if not status.succeeded:
            raise AirflowException(f"{name} ended as {status.state}: {status.error or 'no message'}")
        return self._context.storage.read_artifact(job_folder(jobs.get(name)), Evaluation)

    def cancel(self) -> None:
        """Cancel the job."""
        CustomJobs(self._context.clients).cancel_all(
            self._identity, report=lambda name: log.info("Cancelling %s", name)
        )

    def _job(self) -> dict[str, Any]:
        context, training = self._context, self._spec.training
        folder = context.names(self._spec.name).job_folder(self._identity, secrets.token_hex(4))
        flags = {
            "model_dir": self._job_dir + naming.MODEL_FOLDER,
            "data_dir": self._data_dir,
            "job_dir": folder,
            "production_model": self._production.artifact_uri,
            "production_version": self._production.version,
            **self._spec.gate.evaluation_flags,
        }
        tiers = context.settings.tiers
        tier = find_tier(SMALL_TIER if SMALL_TIER in tiers else training.tier, tiers)
        machines = Machines(tier=tier, spot=tier.spot or bool(context.params.get(SPOT, False)))
        spec = job_spec(
            context,
            training.scoring,
            flags=flags,
            output=folder,
            machines=machines,
        )
        return {
            "display_name": f"{self._spec.name}-score-{context.run.slug}"[:128],
            "job_spec": spec,
            **job_fields(context.settings, machines),
        }
