"""Which version of a dataset's model answers users."""

from __future__ import annotations

from retraining.bench import Bench
from retraining.google.endpoints import Endpoints
from retraining.google.models import Models, ModelVersion


def production_endpoint(dataset: str) -> str:
    """The endpoint that answers users. Ids of endpoints have no underscores."""
    return dataset.replace("_", "-")


def version_in_production(bench: Bench, dataset: str) -> ModelVersion | None:
    """What answers now, not what an alias says: a first version has `default` whatever its worth."""
    poll_seconds = bench.settings.poll_seconds
    deployment = Endpoints(bench.clients, poll_seconds=poll_seconds).serving(production_endpoint(dataset))
    if deployment is None:
        return None
    name = f"{deployment.model}@{deployment.version}"
    return Models(bench.clients, poll_seconds=poll_seconds).get(name)
