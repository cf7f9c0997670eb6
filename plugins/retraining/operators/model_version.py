"""`create_model_version`: the export as a version in the Model Registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from retraining import labels, paths
from retraining.bench import Bench
from retraining.google.models import Models
from retraining.operators.step import Step
from retraining.recipe import recipe

CANDIDATE = "candidate"
"""The alias of the version that was made last."""

PORT = 8080
PREDICT_ROUTE = "/predict"
HEALTH_ROUTE = "/health"


class CreateModelVersionOperator(Step):
    """Makes a version of the dataset's model, or finds the one that this run made before.

    Args:
        job_dir: the training run's folder.
        snapshot: the id of the raw data that it was trained on.
        data_until: when that data ends, ISO 8601.
        metrics: what the model reached.

    Returns:
        `model`, `version`, their `name` and a `note`.
    """

    template_fields: Sequence[str] = ("data_until", "job_dir", "metrics", "snapshot")

    def __init__(
        self, *, job_dir: str, snapshot: str, data_until: str, metrics: Mapping[str, float], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_until = data_until
        self.job_dir = job_dir
        self.snapshot = snapshot
        self.metrics = metrics

    def work(self, bench: Bench) -> Mapping[str, Any]:
        """Find or upload the version."""
        identity = labels.identify(self.spec.name, bench.run, self.task_id, {"job_dir": self.job_dir})
        models = Models(bench.clients, poll_seconds=bench.settings.poll_seconds)
        version, found = models.find_or_upload(self.spec.name, identity, self._model(bench))
        note = f"{'found' if found else 'made'} version {version.version} of {self.spec.name}"
        self.log.info("%s (%s)", note, version.name)
        return {"model": version.model, "version": version.version, "name": version.name, "note": note}

    def _model(self, bench: Bench) -> dict[str, Any]:
        settings, metric = bench.settings, self.spec.gate.metric
        reached = self.metrics[metric]
        return {
            "display_name": self.spec.name,
            "description": self.spec.description,
            "version_description": f"{metric} {reached:.4g}, from run {bench.run.run_id}",
            "version_aliases": [CANDIDATE],
            "artifact_uri": self.job_dir + paths.MODEL,
            "container_spec": {
                "image_uri": settings.serving_image,
                "predict_route": PREDICT_ROUTE,
                "health_route": HEALTH_ROUTE,
                "ports": [{"container_port": PORT}],
            },
            "labels": {
                labels.SNAPSHOT: self.snapshot,
                labels.RECIPE: recipe(
                    self.spec, snapshot=self.snapshot, params=bench.params, settings=settings
                ),
                labels.DATA_UNTIL: labels.time_value(datetime.fromisoformat(self.data_until)),
                labels.CODE: labels.label_value(settings.trainer_image.rpartition(":")[2]),
                labels.METRIC: labels.label_value(f"{metric}-{reached:.4f}".replace(".", "_")),
            },
        }
