"""Submission of a job, as far as the job's process needs it: read from the Job of `jobs.create`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.errors import InvalidArgument
from emulator.storage.names import object_path, split_uri
from emulator.vertex.containers import find_module, strip_tag

FILENAME = "job.json"
PIPELINE_FILENAME = "pipeline.pb"
PACKAGES_DIRECTORY = "packages"
STAGED_DIRECTORY = "staged"
"""Folder of staged files below the semi-persistent directory of Beam's SDK harness."""

_OPTIONS = "environment.sdkPipelineOptions.options"
_PACKAGES = "environment.workerPools.packages"
_BEAM_IMAGE = re.compile(r"(^|/)beam_python3\.\d+_sdk$")
"""Images that Beam publishes. https://hub.docker.com/r/apache/beam_python3.11_sdk"""

_STORAGE_HOST = "storage.googleapis.com/"


class SubmissionError(ValueError):
    """A job can't run: the message names the field, the expected and the received value."""

    def __init__(self, field: str, *, expected: str, received: object) -> None:
        super().__init__(f"{field}: expected {expected}, received {received!r}")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """Staged pipeline, with the options that it runs with.

    Attributes:
        job_id: the job's id.
        job_name: the job's name.
        project: the project it belongs to.
        pipeline_url: the `gs://` URI of the serialized pipeline.
        pipeline_hash: its SHA-256 in hexadecimal digits; empty if the client sent none.
        packages: staged file name -> its `gs://` URI.
        options: the pipeline options.
        num_workers: number of SDK harnesses, 1 or more.
        sdk_name: `Apache Beam Python 3.11 SDK`, for instance; empty if the client sent none.
        sdk_version: Beam's version at the client; empty if it sent none.
        temporary: field of the request -> the `gs://` URI of a folder for temporary files.
        network: name of the workers' VPC network; empty if a subnetwork stands for it.
        image: container image of the SDK harness; empty if the client sent none.
    """

    job_id: str
    job_name: str
    project: str
    pipeline_url: str
    pipeline_hash: str
    packages: Mapping[str, str]
    options: Mapping[str, Any]
    num_workers: int
    sdk_name: str
    sdk_version: str
    temporary: Mapping[str, str]
    network: str
    image: str

    @classmethod
    def from_job(cls, job: Mapping[str, Any]) -> Submission:
        """Parse a Job as JSON.

        Raises:
            SubmissionError: it holds no portable pipeline, which is all that runs here, or names a file
                that is in no bucket.
        """
        environment = job.get("environment", {})
        options = whole_numbers(environment.get("sdkPipelineOptions", {}).get("options", {}))
        url = _object_uri(f"{_OPTIONS}.pipelineUrl", options.get("pipelineUrl"))
        pool: Mapping[str, Any] = next(iter(environment.get("workerPools", [])), {})
        agent = environment.get("userAgent", {})
        most = int(pool.get("autoscalingSettings", {}).get("maxNumWorkers", 0))
        wanted = max(1, int(pool.get("numWorkers", 1)))
        return cls(
            job_id=job.get("id", ""),
            job_name=job.get("name", ""),
            project=job.get("projectId", ""),
            pipeline_url=url,
            pipeline_hash=str(options.get("pipelineProtoHash", "")),
            packages={_name(package): _uri(package) for package in pool.get("packages", [])},
            options=options,
            num_workers=min(wanted, most) if most else wanted,
            sdk_name=agent.get("name", ""),
            sdk_version=agent.get("version", ""),
            temporary=_temporary_uris(environment, options),
            network="" if pool.get("subnetwork") else _last_part(pool.get("network")) or "default",
            image=_harness_image(pool),
        )

    @classmethod
    def read(cls, directory: Path) -> Submission:
        """Return the submission in a job's folder."""
        return cls.from_job(json.loads((directory / FILENAME).read_text()))

    def missing_resource(self, networks: Collection[str], images: Mapping[str, str]) -> str | None:
        """Return why no worker could start, in the service's words; None if nothing is missing.

        Args:
            networks: names of the VPC networks that there are.
            images: the emulator's image map; Beam's own images need no entry.
        """
        if self.network and self.network not in networks:
            return (
                "Workflow failed. Causes: Invalid value for field 'resource.properties.networkInterfaces[0]"
                f".network': 'global/networks/{self.network}'. "
                "The referenced network resource cannot be found."
            )
        known = find_module(images, self.image) or _BEAM_IMAGE.search(strip_tag(self.image))
        if self.image and not known:
            return (
                f"Workflow failed. Causes: Failed to pull image {self.image}: no --image NAME=MODULE of the "
                f"emulator stands for it (known names: {', '.join(sorted(images)) or 'none'})."
            )
        return None

    def check_buckets(self, buckets: Path) -> None:
        """Check that all files and folders are in buckets that exist.

        Args:
            buckets: the folder whose folders are buckets.

        Raises:
            SubmissionError: a bucket doesn't exist.
        """
        locations = {
            f"{_OPTIONS}.pipelineUrl": self.pipeline_url,
            **{f"{_PACKAGES}.location: {name}": uri for name, uri in self.packages.items()},
            **self.temporary,
        }
        for field, uri in locations.items():
            if not (buckets / split_uri(uri)[0]).is_dir():
                raise SubmissionError(field, expected="an object in an existing bucket", received=uri)


def _harness_image(pool: Mapping[str, Any]) -> str:
    images: list[Mapping[str, Any]] = pool.get("sdkHarnessContainerImages", [])
    named = [image.get("containerImage", "") for image in images]
    return str(next(iter(named), "") or pool.get("workerHarnessContainerImage", ""))


def _last_part(uri: object) -> str:
    return str(uri or "").rpartition("/")[2]


def whole_numbers(value: Any) -> Any:
    """Return a JSON value with 3.0 written as 3 again: protobuf's Struct only has doubles."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return value


def _name(package: Mapping[str, Any]) -> str:
    name = str(package.get("name", ""))
    try:
        object_path(Path(), name)
    except InvalidArgument:
        name = ""
    if not name or "/" in name:
        received = package.get("name", "")
        raise SubmissionError(f"{_PACKAGES}.name", expected="a file name", received=received)
    return name


def _uri(package: Mapping[str, Any]) -> str:
    return _object_uri(f"{_PACKAGES}.location", package.get("location", ""))


def _object_uri(field: str, value: object) -> str:
    """Return the `gs://` URI of an object; the form without a scheme is Dataflow's own."""
    uri = _with_scheme(value)
    try:
        split_uri(uri)
    except InvalidArgument as error:
        expected = f"gs://BUCKET/OBJECT or {_STORAGE_HOST}BUCKET/OBJECT"
        raise SubmissionError(field, expected=expected, received=value) from error
    return uri


def _temporary_uris(environment: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str]:
    """Return the folders for temporary files, as far as the client names any."""
    named = {
        "environment.tempStoragePrefix": environment.get("tempStoragePrefix"),
        **{f"{_OPTIONS}.{name}": options.get(name) for name in ("temp_location", "staging_location")},
    }
    uris = {}
    for field, value in named.items():
        if not value:
            continue
        # A bucket as a whole will do: any object in the folder stands for the folder.
        uris[field] = _object_uri(field, f"{str(value).removesuffix('/')}/object")
    return uris


def _with_scheme(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return f"gs://{text.removeprefix(_STORAGE_HOST)}" if text.startswith(_STORAGE_HOST) else text
