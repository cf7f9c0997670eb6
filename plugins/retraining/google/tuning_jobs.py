"""Jobs of Vertex AI that search for better arguments: several trainings, the trials, at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from retraining.google.labelled_jobs import LabelledJobs
from retraining.study import Trial

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import HyperparameterTuningJob


class TuningJobs(LabelledJobs["HyperparameterTuningJob"]):
    """Tuning jobs of one project and region."""

    def trials(self, name: str) -> list[Trial]:
        """The trials of a job, in the order of their beginnings."""
        return [_trial(trial) for trial in self.get(name).trials]

    def _list(self, request: dict[str, Any], **call: Any) -> Iterable[HyperparameterTuningJob]:
        return self._client.list_hyperparameter_tuning_jobs(request=request, **call)

    def _create(self, parent: str, job: dict[str, Any], **call: Any) -> HyperparameterTuningJob:
        request = {"parent": parent, "hyperparameter_tuning_job": job}
        return self._client.create_hyperparameter_tuning_job(request=request, **call)

    def _get(self, name: str, **call: Any) -> HyperparameterTuningJob:
        return self._client.get_hyperparameter_tuning_job(name=name, **call)

    def _cancel(self, name: str, **call: Any) -> None:
        self._client.cancel_hyperparameter_tuning_job(name=name, **call)


def _trial(trial: Any) -> Trial:
    return Trial(
        id=trial.id,
        state=trial.state.name,
        values={parameter.parameter_id: parameter.value for parameter in trial.parameters},
        metrics={metric.metric_id: metric.value for metric in trial.final_measurement.metrics},
    )
