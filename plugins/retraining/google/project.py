"""What the deployment's project has: APIs, rights, accounts, images, networks, quotas.

Everything here only reads. A method raises `NotVisibleError` where the connection's account may not see what
it asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from retraining.google import Clients
from retraining.google.calls import call_errors

ACT_AS = "iam.serviceAccounts.actAs"
VERTEX_AI = "aiplatform.googleapis.com"
Answer = TypeVar("Answer")
_RETRIES = 3
_NAMES = 20
_PEERING = "servicenetworking-googleapis-com"
UNLIMITED = -1
"""Limit of a quota that has none."""
# https://cloud.google.com/storage/docs/locations
_MULTI_REGIONS = {"us": "us-", "eu": "europe-", "asia": "asia-"}
_NOT_IN_EU = ("europe-west2", "europe-west6")
_DUAL_REGIONS = {
    "nam4": ("us-central1", "us-east1"),
    "eur4": ("europe-north1", "europe-west4"),
    "asia1": ("asia-northeast1", "asia-northeast2"),
}
_REGISTRY_IMAGE = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/.]+\.[^/]+/[^/]+|[^/]+)/(?P<repository>[^/]+)/(?P<package>[^:@]+)"
    r"(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class NotVisibleError(Exception):
    """The account may not see whether something is there; the message is Google's."""


@dataclass(frozen=True)
class Unseen:
    """Absence of an answer.

    Attributes:
        reason: why there is none.
    """

    reason: str


def ask(question: Callable[[], Answer]) -> Answer | Unseen:
    """Return an answer, or why there is none."""
    from googleapiclient.errors import HttpError

    try:
        return question()
    except NotVisibleError as error:
        return Unseen(f"expected to see it, received: {error}")
    except (*call_errors(), HttpError) as error:
        return Unseen(f"expected an answer, received: {error}")


@dataclass(frozen=True, kw_only=True)
class Network:
    """VPC network.

    Attributes:
        is_peered: with Google's services, whose jobs are then in it.
    """

    is_peered: bool


@dataclass(frozen=True, kw_only=True)
class Subnetwork:
    """Subnetwork of a region.

    Attributes:
        has_private_access: machines without external addresses reach Google's APIs from it.
    """

    has_private_access: bool


class Project:
    """The project of a deployment, as the connection's account sees it."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._name = f"projects/{clients.project}"

    def disabled_apis(self, names: Sequence[str]) -> list[str]:
        """Return those of the APIs, `dataflow.googleapis.com` for instance, that aren't enabled.

        https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet
        """
        disabled = []
        with closing(self._clients.project_api("serviceusage", "v1")) as api:
            for start in range(0, len(names), _NAMES):
                asked = [f"{self._name}/services/{name}" for name in names[start : start + _NAMES]]
                answer = _known(_found(api.services().batchGet(parent=self._name, names=asked)))
                disabled += [
                    service["name"].rpartition("/")[2]
                    for service in answer["services"]
                    if service["state"] != "ENABLED"
                ]
        return disabled

    def missing_permissions(self, names: Iterable[str]) -> list[str]:
        """Return those permissions on the project that the account lacks.

        https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions
        """
        asked = sorted(names)
        with closing(self._clients.project_api("cloudresourcemanager", "v3")) as api:
            held = _found(api.projects().testIamPermissions(resource=self._name, body={"permissions": asked}))
        return _without(asked, held)

    def missing_bucket_permissions(self, bucket: str, names: Iterable[str]) -> list[str]:
        """Return those permissions on a bucket that the account lacks; all of them if it isn't there.

        https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions
        """
        from google.api_core.exceptions import Forbidden, NotFound

        asked = sorted(names)
        try:
            held = self._clients.storage.bucket(bucket).test_iam_permissions(asked)
        except NotFound:
            return asked
        except Forbidden as error:
            raise NotVisibleError(error.message) from error
        return _without(asked, {"permissions": held})

    def bucket_location(self, bucket: str) -> str | None:
        """Return where a bucket is, a region or `us` for instance; None if it isn't there."""
        from google.api_core.exceptions import Forbidden, NotFound

        try:
            location: str = self._clients.storage.get_bucket(bucket).location
        except NotFound:
            return None
        except Forbidden as error:
            raise NotVisibleError(error.message) from error
        return location.lower()

    def may_act_as(self, email: str) -> bool | None:
        """Return whether the account may start what acts as a service account; None if there is no such one.

        https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/testIamPermissions
        """
        with closing(self._clients.project_api("iam", "v1")) as api:
            accounts = api.projects().serviceAccounts()
            # The wildcard, for accounts of other forms, answers 403 for what isn't there.
            own = re.fullmatch(r"[^@]+@([a-z0-9-]+)\.iam\.gserviceaccount\.com", email)
            name = f"projects/{own[1] if own else '-'}/serviceAccounts/{email}"
            held = _found(accounts.testIamPermissions(resource=name, body={"permissions": [ACT_AS]}))
        return None if held is None else not _without([ACT_AS], held)

    def has_repository(self, project: str, location: str, name: str) -> bool:
        """Return whether a repository is in Artifact Registry.

        https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories/get
        """
        path = f"projects/{project.replace('/', ':')}/locations/{location}/repositories/{name}"
        with closing(self._clients.project_api("artifactregistry", "v1")) as api:
            return _found(api.projects().locations().repositories().get(name=path)) is not None

    def has_image(self, uri: str) -> bool | None:
        """Return whether an image is in Artifact Registry; None for one of another registry.

        https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.packages.tags/get
        """
        image = _REGISTRY_IMAGE.fullmatch(uri)
        if image is None:
            return None
        package = image["package"].replace("/", "%2F")
        parent = (
            f"projects/{image['project'].replace('/', ':')}/locations/{image['location']}"
            f"/repositories/{image['repository']}/packages/{package}"
        )
        with closing(self._clients.project_api("artifactregistry", "v1")) as api:
            packages = api.projects().locations().repositories().packages()
            if image["digest"]:
                found = _found(packages.versions().get(name=f"{parent}/versions/{image['digest']}"))
            else:
                found = _found(packages.tags().get(name=f"{parent}/tags/{image['tag'] or 'latest'}"))
        return found is not None

    def network(self, name: str, *, project: str = "") -> Network | None:
        """Return a VPC network of a project, by default the deployment's; None if it isn't there."""
        with closing(self._clients.project_api("compute", "v1")) as api:
            found = _found(api.networks().get(project=project or self._clients.project, network=name))
        if found is None:
            return None
        return Network(is_peered=any(one["name"] == _PEERING for one in found.get("peerings", [])))

    def has_network_attachment(self, path: str) -> bool:
        """Return whether a network attachment is there, `projects/P/regions/R/networkAttachments/NAME`."""
        _, project, _, region, _, name = path.split("/")
        with closing(self._clients.project_api("compute", "v1")) as api:
            attachments = api.networkAttachments()
            found = attachments.get(project=project, region=region, networkAttachment=name)
            return _found(found) is not None

    def subnetwork(self, region: str, name: str, *, project: str = "") -> Subnetwork | None:
        """Return a subnetwork of a project, by default the deployment's; None if it isn't there."""
        with closing(self._clients.project_api("compute", "v1")) as api:
            subnetworks = api.subnetworks()
            project = project or self._clients.project
            found = _found(subnetworks.get(project=project, region=region, subnetwork=name))
        if found is None:
            return None
        return Subnetwork(has_private_access=bool(found.get("privateIpGoogleAccess")))

    def quotas(self) -> dict[str, int]:
        """Return Vertex AI's quotas in the region by metric, `UNLIMITED` where there is no limit.

        https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics/list
        """
        limits: dict[str, int] = {}
        with closing(self._clients.project_api("serviceusage", "v1beta1")) as api:
            metrics = api.services().consumerQuotaMetrics()
            request = metrics.list(parent=f"{self._name}/services/{VERTEX_AI}")
            while request is not None:
                page = _known(_found(request))
                for metric in page.get("metrics", []):
                    limit = _regional_limit(metric, self._clients.region)
                    if limit is not None:
                        limits[metric["metric"]] = limit
                request = metrics.list_next(request, page)
        return limits


def repository_of(uri: str) -> tuple[str, str, str] | None:
    """Return an image's project, location and repository; None outside Artifact Registry."""
    image = _REGISTRY_IMAGE.fullmatch(uri)
    return None if image is None else (image["project"], image["location"], image["repository"])


def is_within(region: str, location: str) -> bool:
    """Return True if a region is, or is in, the location of a bucket."""
    if location in _DUAL_REGIONS:
        return region in _DUAL_REGIONS[location]
    if location in _MULTI_REGIONS:
        return region.startswith(_MULTI_REGIONS[location]) and region not in _NOT_IN_EU
    return location == region


def _regional_limit(metric: dict[str, Any], region: str) -> int | None:
    """Return the limit of a ConsumerQuotaMetric in a region; that of no region holds for all others."""
    limits: dict[str, int] = {}
    for quota in metric.get("consumerQuotaLimits", []):
        if "{region}" not in quota.get("unit", ""):
            continue
        for bucket in quota.get("quotaBuckets", []):
            limits[bucket.get("dimensions", {}).get("region", "")] = int(bucket.get("effectiveLimit", 0))
    return limits.get(region, limits.get(""))


def _found(request: Any) -> Any:
    """Return the answer to a request; None for 404.

    Raises:
        NotVisibleError: the account may not see it.
    """
    from googleapiclient.errors import HttpError

    try:
        return request.execute(num_retries=_RETRIES)
    except HttpError as error:
        if error.status_code == 404:
            return None
        if error.status_code in (401, 403):
            raise NotVisibleError(error.reason) from error
        raise


def _known(answer: Any) -> Any:
    if answer is None:
        raise NotVisibleError("404: there is no such project or service")
    return answer


def _without(asked: Sequence[str], held: Any) -> list[str]:
    held_names = set((held or {}).get("permissions", []))
    return [name for name in asked if name not in held_names]
