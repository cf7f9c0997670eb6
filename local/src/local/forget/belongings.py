"""What the runs of a dataset, or one of them, left on the stack."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from local.errors import StackError
from local.forget.bucket import Bucket
from local.forget.vertex import PARENT, Vertex

DATASET_LABEL = "perennial_dataset"
RUN_LABEL = "perennial_run"

_JOBS = ("customJobs", "hyperparameterTuningJobs")
_DEFAULT_ALIAS = "default"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A version on an endpoint.

    Attributes:
        endpoint: its resource name.
        deployed_model_id: the deployment's id on it.
        version: of the model.
        traffic: its share of the endpoint's requests, in percent.
    """

    endpoint: str
    deployed_model_id: str
    version: str
    traffic: int


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """All that is to be removed.

    Attributes:
        jobs: resource name -> state.
        deployments: of versions that are to be removed.
        endpoints: resource names.
        versions: resource names, `.../models/M@3`.
        model: the resource name of a model that goes with all its versions; empty if it stays.
        folders: folder of the bucket -> how many objects are in it.
        served: the version that production serves, if it is among them; else empty.
    """

    jobs: dict[str, str]
    deployments: tuple[Deployment, ...]
    endpoints: tuple[str, ...]
    versions: tuple[str, ...]
    model: str
    folders: dict[str, int]
    served: str

    def lines(self) -> list[str]:
        """Each of them, for people."""
        return [
            *(f"job         {_short(name)} ({state})" for name, state in self.jobs.items()),
            *(f"deployment  version {one.version} on {_short(one.endpoint)}" for one in self.deployments),
            *(f"endpoint    {_short(name)}" for name in self.endpoints),
            *(f"version     {_short(name)}" for name in self.versions),
            *([f"model       {_short(self.model)}"] if self.model else []),
            *(f"folder      {folder} ({count:,} objects)" for folder, count in self.folders.items()),
        ]

    def remove(self, vertex: Vertex, bucket: Bucket) -> None:
        """Remove them, in the order in which the services allow it; what reads goes before what is read."""
        for name in self.jobs:
            vertex.end_job(name)
            vertex.delete(name)
        for endpoint in {one.endpoint for one in self.deployments if one.traffic}:
            vertex.end_traffic(endpoint)
        for one in self.deployments:
            vertex.undeploy(one.endpoint, one.deployed_model_id)
        for name in self.endpoints:
            vertex.delete(name)
        if self.model:
            vertex.delete(self.model)
        else:
            for name in self.versions:
                vertex.delete(f"{name}:deleteVersion")
        for folder in self.folders:
            bucket.remove(folder)


def of_dataset(vertex: Vertex, bucket: Bucket, dataset: str) -> Belongings:
    """All that there is of a dataset: raw data and records, too."""
    versions = vertex.versions(dataset)
    endpoints = _endpoints(vertex, dataset)
    deployments = tuple(one for endpoint in endpoints for one in _deployments(endpoint))
    return Belongings(
        jobs=_jobs(vertex, {DATASET_LABEL: dataset}),
        deployments=deployments,
        endpoints=tuple(endpoint["name"] for endpoint in endpoints),
        versions=tuple(_version_name(dataset, version) for version in versions),
        model=f"{PARENT}/models/{dataset}" if versions else "",
        folders=_filled(bucket, f"runs/{dataset}/", f"datasets/{dataset}/"),
        served=_served(dataset, deployments),
    )


def of_run(vertex: Vertex, bucket: Bucket, dataset: str, run: str) -> Belongings:
    """What one run made, raw data and records apart, which other runs read, too.

    Args:
        vertex: the service.
        bucket: the bucket.
        dataset: the run's.
        run: Airflow's run id, or the name of the run's folder in the bucket.

    Raises:
        StackError: its version is the model's default, which can't be removed while there are others.
    """
    slug = _slug(bucket, dataset, run)
    everything = vertex.versions(dataset)
    versions = [version for version in everything if version.get("labels", {}).get(RUN_LABEL) == slug]
    for version in versions:
        if len(everything) > len(versions) and _DEFAULT_ALIAS in version.get("versionAliases", ()):
            raise StackError(
                f"version {version['versionId']} of {dataset} is the model's default; "
                "promote another version, or forget the whole dataset"
            )
    ids = {str(version["versionId"]) for version in versions}
    found = [one for endpoint in _endpoints(vertex, dataset) for one in _deployments(endpoint)]
    deployments = tuple(one for one in found if one.version in ids)
    return Belongings(
        jobs=_jobs(vertex, {DATASET_LABEL: dataset, RUN_LABEL: slug}),
        deployments=deployments,
        endpoints=(),
        versions=tuple(_version_name(dataset, version) for version in versions),
        model=f"{PARENT}/models/{dataset}" if versions and len(versions) == len(everything) else "",
        folders=_filled(bucket, f"runs/{dataset}/{slug}/"),
        served=_served(dataset, deployments),
    )


def _slug(bucket: Bucket, dataset: str, run: str) -> str:
    """The label and folder name of a run.

    They end in a digest of the run, and so does the name of no other run.
    """
    digest = hashlib.sha256(f"{dataset}_training\n{run}".encode()).hexdigest()[:8]
    known = bucket.folders(f"runs/{dataset}/")
    for slug in known:
        if slug == run or slug.endswith(f"-{digest}"):
            return slug
    raise StackError(f"--run: expected one of {known}, or its id in Airflow, received {run!r}")


def _jobs(vertex: Vertex, labels: dict[str, str]) -> dict[str, str]:
    return {job["name"]: job["state"] for kind in _JOBS for job in vertex.resources(kind, labels=labels)}


def _endpoints(vertex: Vertex, dataset: str) -> list[dict[str, Any]]:
    names = {f"{PARENT}/endpoints/{dataset}", f"{PARENT}/endpoints/{dataset}-candidate"}
    return [endpoint for endpoint in vertex.resources("endpoints") if endpoint["name"] in names]


def _deployments(endpoint: dict[str, Any]) -> list[Deployment]:
    return [
        Deployment(
            endpoint=endpoint["name"],
            deployed_model_id=deployed["id"],
            version=str(deployed["modelVersionId"]),
            traffic=endpoint.get("trafficSplit", {}).get(deployed["id"], 0),
        )
        for deployed in endpoint.get("deployedModels", ())
    ]


def _served(dataset: str, deployments: tuple[Deployment, ...]) -> str:
    production = f"{PARENT}/endpoints/{dataset}"
    return ", ".join(one.version for one in deployments if one.endpoint == production and one.traffic)


def _version_name(dataset: str, version: dict[str, Any]) -> str:
    return f"{PARENT}/models/{dataset}@{version['versionId']}"


def _filled(bucket: Bucket, *folders: str) -> dict[str, int]:
    counts = {folder: bucket.count(folder) for folder in folders}
    return {folder: count for folder, count in counts.items() if count}


def _short(name: str) -> str:
    return name.removeprefix(f"{PARENT}/")
