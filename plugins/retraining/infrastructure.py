"""Infrastructure of a deployment, in one TOML file: networks, workers, encryption, labels, waiting.

kms_key = "projects/P/locations/us-central1/keyRings/ml/cryptoKeys/data"

[labels]
cost_center = "ml-platform"

[dataflow]
subnetwork = "regions/us-central1/subnetworks/ml"
use_public_ips = false

[training]
wait_minutes = 480

[training.fallback]
L4 = [{ after_minutes = 30, tier = "BASIC_GPU" }]
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from contract import ContractError, ServingSpec
from contract.validation import from_json
from retraining.errors import ConfigurationError

FILE_VARIABLE = "PERENNIAL_INFRASTRUCTURE_FILE"

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Minutes = Annotated[float, Field(ge=0, allow_inf_nan=False)]
SomeMinutes = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Network = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")]
Subnetwork = Annotated[
    str,
    Field(
        pattern=r"^(https://www\.googleapis\.com/compute/v1/projects/[^/]+/)?regions/[^/]+/subnetworks/[^/]+$"
    ),
]
PeeredNetwork = Annotated[str, Field(pattern=r"^projects/\d+/global/networks/[^/]+$")]
NetworkAttachment = Annotated[str, Field(pattern=r"^projects/[^/]+/regions/[^/]+/networkAttachments/[^/]+$")]
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
LabelValue = Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,63}$")]
# Vertex AI takes 64 labels; a model version has a dozen of ours.
# https://cloud.google.com/resource-manager/docs/labels-overview#requirements
Labels = Annotated[dict[Label, LabelValue], Field(max_length=40)]
KmsKey = Annotated[str, Field(pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$")]

_RESERVED = ("perennial_", "goog")


@dataclass(frozen=True, kw_only=True)
class DataflowWorkers:
    """Where and on what a conversion's workers run.

    https://cloud.google.com/dataflow/docs/reference/pipeline-options#python

    Attributes:
        network: VPC network of the project; with neither it nor a subnetwork, the one called `default`.
        subnetwork: in the job's region; a shared VPC's begins with the address of its project.
        use_public_ips: whether workers have external addresses; without them they need a subnetwork with
            Private Google Access.
        machine_type: of workers; the service chooses if not said.
        max_workers: most workers at once.
        disk_size_gb: disk of each worker, in GB.
        flexrs: begun within six hours, for less money.
        container_image: image with Beam and our packages: workers then install nothing, and need no internet.
        python: command that starts an interpreter with Beam and `perennial-preprocessing`, which submits
            conversions: a path, or `uv run ... python`; Airflow's own if not said.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    network: Network | None = None
    subnetwork: Subnetwork | None = None
    use_public_ips: bool = True
    machine_type: Text | None = None
    max_workers: Count | None = None
    disk_size_gb: Count | None = None
    flexrs: bool = False
    container_image: Text | None = None
    python: Text | None = None

    def __post_init__(self) -> None:
        if not self.use_public_ips and not (self.network or self.subnetwork):
            raise ContractError(
                "dataflow.use_public_ips", expected="true without a network or subnetwork", received=False
            )

    def options(self) -> list[str]:
        """Return the options of Beam's pipeline that say so."""
        values = {
            "network": self.network,
            "subnetwork": self.subnetwork,
            "machine_type": self.machine_type,
            "max_num_workers": self.max_workers,
            "disk_size_gb": self.disk_size_gb,
            "flexrs_goal": "COST_OPTIMIZED" if self.flexrs else None,
            "sdk_container_image": self.container_image,
            "sdk_location": "container" if self.container_image else None,
        }
        options = [f"--{name}={value}" for name, value in values.items() if value is not None]
        return options if self.use_public_ips else [*options, "--no_use_public_ips"]


@dataclass(frozen=True, kw_only=True)
class Fallback:
    """Machines that a training takes when others don't come.

    Attributes:
        after_minutes: of waiting for the machines before.
        tier: their scale tier; that of the machines before if not said.
        spot: as Spot VMs, or on demand; as the machines before if not said.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    after_minutes: SomeMinutes
    tier: Text | None = None
    spot: bool | None = None

    def __post_init__(self) -> None:
        if self.tier is None and self.spot is None:
            expected = f"a tier, or spot, after {self.after_minutes:g} minutes"
            raise ContractError("training.fallback", expected=expected, received=None)


@dataclass(frozen=True, kw_only=True)
class TrainingJobs:
    """Surroundings of training and tuning jobs.

    https://cloud.google.com/vertex-ai/docs/training/using-private-ip-for-vpc

    Attributes:
        network: VPC network that jobs are peered with, `projects/NUMBER/global/networks/NAME`.
        reserved_ip_ranges: names of its address ranges that jobs may take.
        network_attachment: of Private Service Connect, in place of a peering.
        wait_minutes: how long a task waits for machines that Google has not got, Spot VMs for instance,
            before that is a failure; where there are fallbacks, for the last of them.
        fallback: machines that a run takes in turn when those of its tier don't come, by the tier's name.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    network: PeeredNetwork | None = None
    reserved_ip_ranges: tuple[Text, ...] = ()
    network_attachment: NetworkAttachment | None = None
    wait_minutes: Minutes = 1440.0
    fallback: dict[str, tuple[Fallback, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.network and self.network_attachment:
            raise ContractError(
                "training.network_attachment",
                expected="none beside network",
                received=self.network_attachment,
            )
        if self.reserved_ip_ranges and not self.network:
            raise ContractError(
                "training.reserved_ip_ranges",
                expected="none without network",
                received=self.reserved_ip_ranges,
            )

    def fields(self) -> dict[str, Any]:
        """Return the fields of a CustomJobSpec that say so."""
        attachment = {"network_attachment": self.network_attachment}
        fields = {
            "network": self.network,
            "reserved_ip_ranges": list(self.reserved_ip_ranges),
            "psc_interface_config": attachment if self.network_attachment else None,
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, kw_only=True)
class Infrastructure:
    """What surrounds a deployment's jobs and models.

    Attributes:
        dataflow: of conversions.
        training: of training and tuning jobs.
        serving: of deployed models, where a dataset's spec doesn't say.
        tiers: scale tiers in addition to ours, and in place of those of the same name, as in `tiers.toml`.
        kms_key: encrypts jobs, models and endpoints; Google's own keys do if not said.
        labels: of jobs, models and endpoints besides ours, for the bill.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    dataflow: DataflowWorkers = DataflowWorkers()
    training: TrainingJobs = TrainingJobs()
    serving: ServingSpec = field(default_factory=ServingSpec)
    tiers: dict[str, Any] = field(default_factory=dict)
    kms_key: KmsKey | None = None
    labels: Labels = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.labels:
            if name.startswith(_RESERVED):
                expected = f"no name that begins with {' or '.join(_RESERVED)}"
                raise ContractError("labels", expected=expected, received=name)

    @property
    def resource_fields(self) -> dict[str, Any]:
        """Fields of each resource of Vertex AI: its labels, and the key that encrypts it."""
        key = {"encryption_spec": {"kms_key_name": self.kms_key}} if self.kms_key else {}
        return {"labels": dict(self.labels), **key}


def load_infrastructure(file: str | None) -> Infrastructure:
    """Return the infrastructure of a file; without a file, what Google has by default.

    Raises:
        ConfigurationError: it can't be read.
        ContractError: a field is unknown or has a value that it can't have; the error names it.
    """
    if not file:
        return Infrastructure()
    document = read_toml(Path(file), FILE_VARIABLE)
    return from_json(Infrastructure, json.dumps(document, default=str), Path(file).name)


def read_toml(file: Path, variable: str) -> dict[str, Any]:
    """Return the content of the file that a variable names.

    Raises:
        ConfigurationError: it can't be read.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # a file in another encoding is a ValueError, as wrong TOML is
        raise ConfigurationError(f"{variable}: expected a TOML file at {file}: {error}") from error
