"""Limits that Google's services document, each with its source; the checks read them here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_TYPES = "https://cloud.google.com/python/docs/reference/aiplatform/latest/google.cloud.aiplatform_v1.types"
_REST = "https://cloud.google.com/vertex-ai/docs/reference/rest/v1"
_LABELS = "https://cloud.google.com/resource-manager/docs/labels-overview#requirements"
_PREDICTIONS = "https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Documented limit of a service.

    Attributes:
        name: what is limited.
        value: the highest value that is taken.
        unit: of the value.
        source: URL of the page that documents it.
    """

    name: str
    value: int
    unit: str
    source: str


LOG_READS = Limit(
    name="Cloud Logging: entries.list of a project",
    value=60,
    unit="requests in a minute",
    source="https://cloud.google.com/logging/quotas#api-limits",
)
LOG_PAGE_SIZE = Limit(
    name="Cloud Logging: page of entries.list",
    value=1000,
    unit="entries",
    source="https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list",
)
SHARED_PREDICT_BYTES = Limit(
    name="Predict request of a shared endpoint", value=1_500_000, unit="bytes", source=_PREDICTIONS
)
DEDICATED_PREDICT_BYTES = Limit(
    name="Predict request of a dedicated endpoint", value=10_000_000, unit="bytes", source=_PREDICTIONS
)
SHARED_PREDICT_SECONDS = Limit(
    name="Prediction of a shared endpoint", value=60, unit="seconds", source=_PREDICTIONS
)
DEDICATED_PREDICT_SECONDS = Limit(
    name="Prediction of a dedicated endpoint", value=3600, unit="seconds", source=_PREDICTIONS
)
MODEL_ID = Limit(name="Model id", value=63, unit="characters", source=f"{_TYPES}.UploadModelRequest")
ENDPOINT_ID = Limit(
    name="Endpoint id that begins with a letter", value=63, unit="characters",
    source=f"{_TYPES}.CreateEndpointRequest",
)  # fmt: skip
ENDPOINT_NUMBER = Limit(
    name="Endpoint id that is a number", value=9, unit="digits", source=f"{_TYPES}.CreateEndpointRequest"
)
DEPLOYED_MODEL_ID = Limit(name="Deployed model id", value=10, unit="digits", source=f"{_TYPES}.DeployedModel")
ALIAS = Limit(
    name="Version alias of a model", value=128, unit="characters", source=f"{_REST}/projects.locations.models"
)
DISPLAY_NAME = Limit(
    name="Display name of a job, model or endpoint", value=128, unit="characters",
    source=f"{_REST}/projects.locations.customJobs",
)  # fmt: skip
LABELS = Limit(name="Labels of a resource", value=64, unit="labels", source=_LABELS)
LABEL_TEXT = Limit(name="Key or value of a label", value=63, unit="characters", source=_LABELS)
WORKER_POOLS = Limit(
    name="Worker pools of a job", value=4, unit="pools",
    source="https://cloud.google.com/vertex-ai/docs/training/distributed-training",
)  # fmt: skip
DISCRETE_VALUES = Limit(
    name="Values of a discrete parameter", value=1000, unit="values", source=f"{_REST}/StudySpec"
)
PAGE_SIZE = Limit(
    name="Page of Vertex AI's lists", value=1000, unit="resources", source="https://google.aip.dev/158"
)

ALL = tuple(value for value in globals().values() if isinstance(value, Limit))
"""Every limit, as the coverage document lists them."""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What a project may use, and how long it waits for it.

    Attributes:
        log_reads: requests of `entries.list` in a minute, for each project.
        quotas: accelerators that jobs of a project use at once, by Vertex AI's name of the accelerator; one
            that isn't named has no quota.
        pretended: jobs run without the accelerators that they ask for.
        deploy_seconds: time until a machine is there for a deployed model.
        networks: VPC networks of every project; jobs that name none use the one called `default`.
        subnetworks: those with Private Google Access, in every region.
        repositories: of images; every one if none is named.
        disabled_apis: APIs that are not enabled, `dataflow.googleapis.com` for instance.
    """

    log_reads: int = LOG_READS.value
    quotas: Mapping[str, int] = field(default_factory=dict)
    pretended: bool = False
    deploy_seconds: float = 0.0
    networks: tuple[str, ...] = ("default",)
    subnetworks: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    disabled_apis: frozenset[str] = frozenset()


def limits_table() -> str:
    """Return the limits as a table in Markdown."""
    rows = [f"| {one.name} | {one.value:,} {one.unit} | [source]({one.source}) |" for one in ALL]
    return "\n".join(["| limit | at most | |", "|---|---|---|", *rows]) + "\n"
