"""`smoke_predict`: a version must answer the golden requests elsewhere before it may go further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk.exceptions import AirflowException

from retraining import golden, labels, paths
from retraining.bench import Bench
from retraining.google.endpoints import Endpoints
from retraining.google.models import Models
from retraining.operators.production import production_endpoint
from retraining.operators.step import Step


def candidate_endpoint(dataset: str) -> str:
    """The endpoint that is empty between runs."""
    return f"{production_endpoint(dataset)}-candidate"


class SmokePredictOperator(Step):
    """Serves a version on the candidate endpoint, asks the golden requests, and takes it off again.

    Args:
        version: the version's resource name, `.../models/ID@VERSION`.
        job_dir: the training run's folder.

    Returns:
        `requests` (how many were answered as they should be) and a `note`.
    """

    template_fields: Sequence[str] = ("version", "job_dir")

    def __init__(self, *, version: str, job_dir: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.job_dir = job_dir
        self._bench: Bench | None = None

    def work(self, bench: Bench) -> Mapping[str, Any]:
        """Serve, ask, compare, tear down."""
        self._bench = bench
        settings, endpoint = bench.settings, candidate_endpoint(self.spec.name)
        requests = golden.parse(bench.storage.read_text(self.job_dir + paths.GOLDEN))
        endpoints = Endpoints(bench.clients, poll_seconds=settings.poll_seconds)
        version = Models(bench.clients, poll_seconds=settings.poll_seconds).get(self.version)
        endpoints.ensure(endpoint, labels={labels.DATASET: self.spec.name})
        try:
            self.log.info("Deploying %s to %s", self.version, endpoint)
            endpoints.deploy(
                endpoint,
                version,
                machine_type=settings.serving_machine,
                service_account=settings.service_account,
            )
            # One by one: the service takes no more than 1.5 MB in a request.
            predictions = [
                prediction
                for request in requests
                for prediction in endpoints.predict(endpoint, [request.instance]).predictions
            ]
        finally:
            self._tear_down(bench)
        wrong = golden.differences(requests, predictions)
        if wrong:
            raise AirflowException(
                f"{self.version} does not answer as it did when it was trained: {'; '.join(wrong[:5])}"
            )
        note = f"{len(requests)} golden requests came back as they should"
        self.log.info(note)
        return {"requests": len(requests), "note": note}

    def on_kill(self) -> None:
        """Take everything off the candidate endpoint; called when the task is killed."""
        if self._bench is not None:
            self._tear_down(self._bench)

    def _tear_down(self, bench: Bench) -> None:
        endpoint = candidate_endpoint(self.spec.name)
        Endpoints(bench.clients, poll_seconds=bench.settings.poll_seconds).clear(
            endpoint,
            report=lambda found: self.log.info("Taking version %s off %s", found.version, endpoint),
        )
