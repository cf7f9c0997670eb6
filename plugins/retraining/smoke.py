"""Smoke test: a version answers its golden requests on the candidate endpoint before production has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from contract import DatasetSpec, ServingSpec, naming
from contract.artifacts import GoldenRequest
from retraining.context import GoogleServices
from retraining.gate import prediction_differences
from retraining.google.models import ModelVersion

SHARED_BYTES, DEDICATED_BYTES = 1_500_000, 10_000_000
"""Most bytes of a predict request."""


def golden_requests(services: GoogleServices, version: ModelVersion) -> list[GoldenRequest]:
    """Return the golden requests of a version, from its training job's folder.

    Raises:
        FileNotFoundError: they are gone.
        ContractError: they can't be read.
    """
    folder = naming.job_folder_of(version.artifact_uri)
    return GoldenRequest.from_text(services.storage.read_text(folder + GoldenRequest.FILENAME))


def oversized(requests: Sequence[GoldenRequest], serving: ServingSpec) -> list[str]:
    """Return each golden request that the endpoint would refuse for its size; none if all fit.

    https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type
    """
    limit = DEDICATED_BYTES if serving.dedicated_endpoint else SHARED_BYTES
    sentences = []
    for index, request in enumerate(requests):
        size = len(json.dumps({"instances": [dict(request.instance)]}).encode())
        if size > limit:
            kind = "a dedicated" if serving.dedicated_endpoint else "a shared"
            sentences.append(
                f"golden request {index} ({request.filename}): expected at most {limit / 1e6:g} MB, which "
                f"{kind} endpoint takes, received {size / 1e6:.2f} MB"
            )
    return sentences


def smoke_test(
    services: GoogleServices,
    spec: DatasetSpec,
    version: ModelVersion,
    requests: Sequence[GoldenRequest],
    *,
    report: Callable[[str], None],
) -> list[str]:
    """Deploy a version to the candidate endpoint, send golden requests, and undeploy it.

    Returns:
        Each place where a prediction differs from the golden one; none if all are as they should be.
    """
    names, endpoints = services.names(spec.name), services.endpoints
    endpoint = names.candidate_endpoint
    serving = services.serving(spec)
    endpoints.ensure(endpoint, names, serving)
    try:
        report(f"Deploying {version.name} to {endpoint}")
        endpoints.deploy(
            endpoint,
            version,
            serving=serving,
            service_account=services.settings.serving_service_account,
        )
        # One by one: the service takes no more than 1.5 MB in a request.
        predictions = [
            prediction
            for request in requests
            for prediction in endpoints.predict(endpoint, [request.instance]).predictions
        ]
    finally:
        clear_candidate(services, spec, report=report)
    return prediction_differences(requests, predictions)


def clear_candidate(services: GoogleServices, spec: DatasetSpec, *, report: Callable[[str], None]) -> None:
    """Undeploy everything from the candidate endpoint."""
    names = services.names(spec.name)
    endpoint = names.candidate_endpoint
    services.endpoints.clear(
        endpoint, names, report=lambda found: report(f"Taking version {found.version} off {endpoint}")
    )
