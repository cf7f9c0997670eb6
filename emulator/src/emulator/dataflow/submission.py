"""What a client submitted, as far as the job's process needs it: read from the Job of `jobs.create`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILENAME = "job.json"
PIPELINE_FILENAME = "pipeline.pb"
PACKAGES_DIRECTORY = "packages"
STAGED_DIRECTORY = "staged"
"""Where Beam's SDK harness looks for staged files, below its semi-persistent directory."""

_OPTIONS = "environment.sdkPipelineOptions.options"
_STORAGE_HOST = "storage.googleapis.com/"


class SubmissionError(ValueError):
    """A job that can't run: which field, what was expected, what was received."""

    def __init__(self, field: str, *, expected: str, received: object) -> None:
        super().__init__(f"{field}: expected {expected}, received {received!r}")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A staged pipeline and how it is to be run.

    Attributes:
        job_id: the job's id.
        job_name: the job's name.
        project: the project it belongs to.
        pipeline_url: the `gs://` URI of the serialized pipeline.
        pipeline_hash: its SHA-256 in hexadecimal digits; empty if the client sent none.
        packages: staged file name -> its `gs://` URI.
        options: the pipeline options.
        num_workers: how many SDK harnesses were asked for, 1 or more.
        sdk_name: `Apache Beam Python 3.11 SDK`, for instance; empty if the client sent none.
        sdk_version: Beam's version at the client; empty if it sent none.
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

    @classmethod
    def from_job(cls, job: Mapping[str, Any]) -> Submission:
        """What a Job as JSON asks for.

        Raises:
            SubmissionError: it holds no portable pipeline, which is all that runs here.
        """
        environment = job.get("environment", {})
        options = whole_numbers(environment.get("sdkPipelineOptions", {}).get("options", {}))
        url = options.get("pipelineUrl")
        if not isinstance(url, str) or not url.startswith("gs://"):
            raise SubmissionError(f"{_OPTIONS}.pipelineUrl", expected="a gs:// URI", received=url)
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
        )

    @classmethod
    def read(cls, directory: Path) -> Submission:
        """The submission in a job's folder."""
        return cls.from_job(json.loads((directory / FILENAME).read_text()))


def whole_numbers(value: Any) -> Any:
    """A JSON value with 3.0 written as 3 again: protobuf's Struct only has doubles."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return value


def _name(package: Mapping[str, Any]) -> str:
    name = package.get("name", "")
    if not name or Path(name).name != name:
        raise SubmissionError("environment.workerPools.packages.name", expected="a file name", received=name)
    return str(name)


def _uri(package: Mapping[str, Any]) -> str:
    location = str(package.get("location", ""))
    if location.startswith("gs://"):
        return location
    if not location.startswith(_STORAGE_HOST):
        raise SubmissionError(
            "environment.workerPools.packages.location",
            expected=f"gs://... or {_STORAGE_HOST}...",
            received=location,
        )
    return "gs://" + location.removeprefix(_STORAGE_HOST)
