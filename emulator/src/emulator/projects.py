"""What a project has: Service Usage, Resource Manager, IAM, Artifact Registry and Compute Engine.

Methods that tell which APIs, rights, images, networks and quotas there are; nothing is made or changed by
them. Deviations:

- Every API is enabled but those of `--disable-api`; a request to a disabled one is refused as Google does.
- Images are those of `--image`, whatever their tag, digest, repository and region; a tag's digest is made of
  its name. Every repository is there, or those of `--repository`.
- A network is one of `--network`; it is peered with Google's services, and has a subnetwork of its name in
  every region, without Private Google Access. Those of `--subnetwork` are in every region, with it. There are
  no network attachments.
- Quotas are those of `--quota`, for jobs on demand and on Spot VMs alike; others have no limit.
- The first segment of Compute Engine's paths, `compute`, can't be the name of a bucket in XML requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.config import Config
from emulator.errors import InvalidArgument, NotFound
from emulator.iam import held_permissions, is_known_account
from emulator.iam.permissions import missing_permission_error
from emulator.json_bodies import read_json
from emulator.routing import Route
from emulator.vertex.containers import find_module
from emulator.vertex.machines import quota_metric, quota_metrics

_PROJECT = "projects/{project}"
_REGION = f"/compute/v1/{_PROJECT}/regions/{{region}}"
_REPOSITORY = "projects/{project}/locations/{location}/repositories/{repository}"
_PACKAGE = f"{_REPOSITORY}/packages/{{package}}"
_VERTEX_AI = "aiplatform.googleapis.com"
_MOST_NAMES = 30
_UNLIMITED = -1


class ProjectService:
    """The methods of several APIs that tell what a project has."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._capacity = config.capacity

    @property
    def routes(self) -> list[Route]:
        """Routes of all its methods."""
        return [
            Route(
                "Service Usage", "serviceusage.services.batchGet", "GET",
                f"/v1/{_PROJECT}/services:batchGet", self._get_services,
            ),
            Route(
                "Service Usage", "serviceusage.consumerQuotaMetrics.list", "GET",
                f"/v1beta1/{_PROJECT}/services/{{service}}/consumerQuotaMetrics", self._list_quotas,
            ),
            Route(
                "Resource Manager", "cloudresourcemanager.projects.testIamPermissions", "POST",
                f"/v3/{_PROJECT}:testIamPermissions", self._test_project,
            ),
            Route(
                "IAM", "iam.projects.serviceAccounts.testIamPermissions", "POST",
                f"/v1/{_PROJECT}/serviceAccounts/{{email}}:testIamPermissions", self._test_account,
            ),
            Route(
                "Artifact Registry", "artifactregistry.repositories.get", "GET",
                f"/v1/{_REPOSITORY}", self._get_repository,
            ),
            Route(
                "Artifact Registry", "artifactregistry.packages.tags.get", "GET",
                f"/v1/{_PACKAGE}/tags/{{tag}}", self._get_image,
            ),
            Route(
                "Artifact Registry", "artifactregistry.packages.versions.get", "GET",
                f"/v1/{_PACKAGE}/versions/{{version=**}}", self._get_image,
            ),
            Route(
                "Compute Engine", "compute.networks.get", "GET",
                f"/compute/v1/{_PROJECT}/global/networks/{{network}}", self._get_network,
            ),
            Route(
                "Compute Engine", "compute.subnetworks.get", "GET",
                f"{_REGION}/subnetworks/{{subnetwork}}", self._get_subnetwork,
            ),
            Route(
                "Compute Engine", "compute.networkAttachments.get", "GET",
                f"{_REGION}/networkAttachments/{{attachment}}", self._get_attachment,
            ),
        ]  # fmt: skip

    def start(self) -> None:
        """Do nothing: the service has no background work."""

    def stop(self) -> None:
        """Do nothing: the service has no background work."""

    async def _get_services(self, request: Request, fields: Mapping[str, str]) -> Response:
        names = request.query_params.getlist("names")
        if not 0 < len(names) <= _MOST_NAMES:
            raise InvalidArgument(f"names: expected 1 to {_MOST_NAMES} names, received {len(names)}")
        parent = f"projects/{fields['project']}/services/"
        for name in names:
            if not name.startswith(parent):
                raise InvalidArgument(f"names: expected names that begin with {parent}, received {name!r}")
        disabled = self._capacity.disabled_apis
        return JSONResponse(
            {
                "services": [
                    {
                        "name": name,
                        "parent": f"projects/{fields['project']}",
                        "state": "DISABLED" if name.removeprefix(parent) in disabled else "ENABLED",
                    }
                    for name in names
                ]
            }
        )

    async def _list_quotas(self, request: Request, fields: Mapping[str, str]) -> Response:
        """Answer with the quotas of training jobs, in one page."""
        del request
        parent = f"projects/{fields['project']}/services/{fields['service']}"
        limits = dict.fromkeys(quota_metrics(), _UNLIMITED) if fields["service"] == _VERTEX_AI else {}
        for accelerator, limit in self._capacity.quotas.items() if limits else ():
            limits |= {quota_metric(accelerator, spot=spot): limit for spot in (False, True)}
        metrics = [_quota(parent, f"{_VERTEX_AI}/{name}", limit) for name, limit in limits.items()]
        return JSONResponse({"metrics": metrics})

    async def _test_project(self, request: Request, fields: Mapping[str, str]) -> Response:
        return JSONResponse(_held(await _asked(request), f"projects/{fields['project']}"))

    async def _test_account(self, request: Request, fields: Mapping[str, str]) -> Response:
        asked = await _asked(request)
        if not is_known_account(fields["email"]):
            if fields["project"] == "-":
                raise missing_permission_error("", "iam.serviceAccounts.get", fields["email"])
            raise NotFound(f"Service account {fields['email']} does not exist.")
        return JSONResponse(_held(asked, fields["email"]))

    async def _get_image(self, request: Request, fields: Mapping[str, str]) -> Response:
        uri = "{location}-docker.pkg.dev/{project}/{repository}/{package}".format_map(fields)
        if find_module(self._config.images, uri) is None:
            raise NotFound(f"Package {fields['package']!r} was not found.")
        name = request.url.path.removeprefix("/v1/")
        if "tag" not in fields:
            return JSONResponse({"name": name})
        digest = hashlib.sha256(name.encode()).hexdigest()
        package = name.rpartition("/tags/")[0]
        return JSONResponse({"name": name, "version": f"{package}/versions/sha256:{digest}"})

    async def _get_repository(self, request: Request, fields: Mapping[str, str]) -> Response:
        repositories, name = self._capacity.repositories, request.url.path.removeprefix("/v1/")
        if repositories and fields["repository"] not in repositories:
            raise NotFound(f"Repository {name!r} was not found.")
        return JSONResponse({"name": name, "format": "DOCKER", "mode": "STANDARD_REPOSITORY"})

    async def _get_network(self, _request: Request, fields: Mapping[str, str]) -> Response:
        name = fields["network"]
        if name not in self._capacity.networks:
            raise _missing(f"projects/{fields['project']}/global/networks/{name}")
        return JSONResponse(
            {
                "kind": "compute#network",
                "name": name,
                "autoCreateSubnetworks": True,
                "peerings": [{"name": "servicenetworking-googleapis-com"}],
            }
        )

    async def _get_subnetwork(self, _request: Request, fields: Mapping[str, str]) -> Response:
        name, private = fields["subnetwork"], fields["subnetwork"] in self._capacity.subnetworks
        if not private and name not in self._capacity.networks:
            raise _missing(f"projects/{fields['project']}/regions/{fields['region']}/subnetworks/{name}")
        return JSONResponse(
            {
                "kind": "compute#subnetwork",
                "name": name,
                "region": fields["region"],
                "privateIpGoogleAccess": private,
            }
        )

    async def _get_attachment(self, _request: Request, fields: Mapping[str, str]) -> Response:
        raise _missing(
            f"projects/{fields['project']}/regions/{fields['region']}/networkAttachments/{fields['attachment']}"
        )


def _quota(parent: str, metric: str, limit: int) -> dict[str, Any]:
    """Return a ConsumerQuotaMetric.

    https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics
    """
    bucket = {"effectiveLimit": str(limit), "defaultLimit": str(limit), "dimensions": {}}
    return {
        "name": f"{parent}/consumerQuotaMetrics/{metric.replace('/', '%2F')}",
        "metric": metric,
        "consumerQuotaLimits": [
            {"metric": metric, "unit": "1/{project}/{region}", "quotaBuckets": [bucket]},
        ],
    }


async def _asked(request: Request) -> list[str]:
    permissions = (await read_json(request)).get("permissions", [])
    if not isinstance(permissions, list) or not all(isinstance(name, str) for name in permissions):
        raise InvalidArgument(f"permissions: expected a list of names, received {permissions!r}")
    return permissions


def _held(permissions: Iterable[str], resource: str) -> dict[str, Any]:
    held = held_permissions(permissions, resource)
    return {"permissions": held} if held else {}


def _missing(path: str) -> NotFound:
    return NotFound(f"The resource '{path}' was not found")
