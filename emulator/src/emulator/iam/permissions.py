"""Permission of each API method.

Cloud Storage: https://cloud.google.com/storage/docs/access-control/iam-json and .../iam-xml
Vertex AI: https://cloud.google.com/vertex-ai/docs/general/iam-permissions
Dataflow: https://cloud.google.com/dataflow/docs/concepts/access-control
Cloud Logging: https://cloud.google.com/logging/docs/access-control
Cloud Monitoring: https://cloud.google.com/monitoring/access-control
Service Usage: https://cloud.google.com/service-usage/docs/access-control
Artifact Registry: https://cloud.google.com/artifact-registry/docs/access-control
"""

from __future__ import annotations

from collections.abc import Iterator

from emulator.errors import PermissionDenied
from emulator.iam.accounts import ACT_AS, IMPERSONATE

OPEN = frozenset({"emulator.health", "metadata.get", "oauth2.token"})
"""Methods that need no credentials: they tell nothing, or check what they are sent themselves."""

OVERWRITE = "storage.objects.delete"
"""Permission that replacing an object takes besides its creation."""

_OBJECT_CREATE = "storage.objects.create"
_OBJECT_READ = "storage.objects.get"
_MULTIPART_CREATE = "storage.multipartUploads.create"
_STORAGE = {
    "batch": (),  # each request in it is checked
    "buckets.list": ("storage.buckets.list",),
    "buckets.insert": ("storage.buckets.create",),
    "buckets.get": ("storage.buckets.get",),
    "buckets.patch": ("storage.buckets.get", "storage.buckets.update"),
    "buckets.update": ("storage.buckets.get", "storage.buckets.update"),
    "buckets.delete": ("storage.buckets.delete",),
    "buckets.getStorageLayout": ("storage.objects.list",),
    "buckets.getIamPolicy": ("storage.buckets.getIamPolicy",),
    "buckets.setIamPolicy": ("storage.buckets.setIamPolicy",),
    "buckets.testIamPermissions": (),  # it tells what the caller may do
    "managedFolders.list": ("storage.managedFolders.list",),
    "notifications.list": ("storage.buckets.get",),
    "objects.list": ("storage.objects.list",),
    "objects.get": (_OBJECT_READ,),
    "objects.patch": (_OBJECT_READ, "storage.objects.update"),
    "objects.update": (_OBJECT_READ, "storage.objects.update"),
    "objects.delete": (OVERWRITE,),
    "objects.insert": (_OBJECT_CREATE,),
    "objects.compose": (_OBJECT_READ, _OBJECT_CREATE),
    "objects.copy": (_OBJECT_READ, _OBJECT_CREATE),
    "objects.rewrite": (_OBJECT_READ, _OBJECT_CREATE),
    "objects.move": ("storage.objects.move", _OBJECT_CREATE),
    "projects.serviceAccount.get": ("resourcemanager.projects.get",),
    "xml.getObject": (_OBJECT_READ,),
    "xml.headObject": (_OBJECT_READ,),
    "xml.putObject": (_OBJECT_CREATE,),
    "xml.deleteObject": (OVERWRITE,),
    "xml.initiateMultipartUpload": (_MULTIPART_CREATE, _OBJECT_CREATE),
    "xml.uploadPart": (_MULTIPART_CREATE, _OBJECT_CREATE),
    "xml.completeMultipartUpload": (_MULTIPART_CREATE, _OBJECT_CREATE),
    "xml.abortMultipartUpload": ("storage.multipartUploads.abort",),
    "xml.listParts": ("storage.multipartUploads.listParts",),
    "xml.listObjects": ("storage.objects.list",),
    "xml.postObject": (_OBJECT_CREATE,),
}
_ACCESS_LISTS = {
    f"{collection}.{method}": (f"storage.{resource}.getIamPolicy", *changes)
    for collection, resource in (
        ("bucketAccessControls", "buckets"),
        ("defaultObjectAccessControls", "buckets"),
        ("objectAccessControls", "objects"),
    )
    for method, changes in (
        ("list", ()),
        ("get", ()),
        *((name, (f"storage.{resource}.setIamPolicy",)) for name in ("insert", "delete", "patch", "update")),
    )
}
_JOBS = {
    f"JobService.{verb}{kind}{plural}": f"{collection}.{verb.lower()}"
    for kind, collection in {
        "CustomJob": "customJobs",
        "HyperparameterTuningJob": "hyperparameterTuningJobs",
        "BatchPredictionJob": "batchPredictionJobs",
    }.items()
    for verb, plural in {"Create": "", "Get": "", "List": "s", "Cancel": "", "Delete": ""}.items()
}
_VERTEX = {
    **_JOBS,
    "ModelService.UploadModel": "models.upload",
    "ModelService.CopyModel": "models.upload",
    "ModelService.GetModel": "models.get",
    "ModelService.ListModels": "models.list",
    "ModelService.ListModelVersions": "models.list",
    "ModelService.UpdateModel": "models.update",
    "ModelService.MergeVersionAliases": "models.update",
    "ModelService.DeleteModel": "models.delete",
    "ModelService.DeleteModelVersion": "models.delete",
    "EndpointService.CreateEndpoint": "endpoints.create",
    "EndpointService.GetEndpoint": "endpoints.get",
    "EndpointService.ListEndpoints": "endpoints.list",
    "EndpointService.UpdateEndpoint": "endpoints.update",
    "EndpointService.DeleteEndpoint": "endpoints.delete",
    "EndpointService.DeployModel": "endpoints.deploy",
    "EndpointService.UndeployModel": "endpoints.undeploy",
    "PredictionService.Predict": "endpoints.predict",
    "PredictionService.RawPredict": "endpoints.predict",
}
# Whoever started an operation may follow it: the methods have no permissions of their own.
_OPERATIONS = ("GetOperation", "ListOperations", "CancelOperation", "DeleteOperation", "WaitOperation")
_DATAFLOW = {
    "create": "dataflow.jobs.create",
    "get": "dataflow.jobs.get",
    "list": "dataflow.jobs.list",
    "update": "dataflow.jobs.cancel",  # the emulator has no other update
    "getMetrics": "dataflow.metrics.get",
    "messages.list": "dataflow.messages.list",
}
_OTHER = {
    "logging.entries.list": ("logging.logEntries.list",),
    "monitoring.timeSeries.list": ("monitoring.timeSeries.list",),
    "serviceusage.services.batchGet": ("serviceusage.services.get",),
    "serviceusage.consumerQuotaMetrics.list": ("serviceusage.quotas.get",),
    "artifactregistry.repositories.get": ("artifactregistry.repositories.get",),
    "artifactregistry.packages.tags.get": ("artifactregistry.tags.get",),
    "artifactregistry.packages.versions.get": ("artifactregistry.versions.get",),
    **{
        f"compute.{kind}.get": (f"compute.{kind}.get",)
        for kind in ("networks", "subnetworks", "networkAttachments")
    },
    # These two tell what the caller may do.
    "cloudresourcemanager.projects.testIamPermissions": (),
    "iam.projects.serviceAccounts.testIamPermissions": (),
    # Their handlers ask for the permission on the account that is named.
    "iamcredentials.generateAccessToken": (),
    "iamcredentials.generateIdToken": (),
    "iamcredentials.signBlob": (),
    **{f"emulator.faults.{name}": ("emulator.faults.use",) for name in ("insert", "list", "delete")},
}

METHODS: dict[str, tuple[str, ...]] = {
    **{f"storage.{name}": permissions for name, permissions in (_STORAGE | _ACCESS_LISTS).items()},
    **{f"aiplatform.{name}": (f"aiplatform.{permission}",) for name, permission in _VERTEX.items()},
    **{f"aiplatform.Operations.{name}": () for name in _OPERATIONS},
    **{
        f"dataflow.projects.{place}jobs.{name}": (permission,)
        for place in ("", "locations.")
        for name, permission in _DATAFLOW.items()
    },
    "dataflow.projects.jobs.aggregated": ("dataflow.jobs.list",),
    **_OTHER,
}
"""Full name of an API method -> the permissions that it takes."""


def required_permissions(api_method: str) -> tuple[str, ...]:
    """Return the permissions that a method takes; none for a method that isn't emulated."""
    return METHODS.get(api_method, ())


def all_permissions() -> Iterator[str]:
    """Yield every permission that some method takes."""
    yield from sorted({name for names in METHODS.values() for name in names} | {ACT_AS} | IMPERSONATE)


def missing_permission_error(email: str, permission: str, resource: str) -> PermissionDenied:
    """Return the service's refusal of a method whose permission the caller lacks."""
    if permission == ACT_AS:
        return PermissionDenied(
            f"You do not have permission to act as service_account: {resource}. (or it may not exist)."
        )
    if permission.startswith("storage."):
        what = "object" if permission.startswith("storage.objects") else "bucket"
        return PermissionDenied(
            f"{email} does not have {permission} access to the Google Cloud Storage {what}. Permission "
            f"'{permission}' denied on resource (or it may not exist)."
        )
    return PermissionDenied(
        f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
        reason="IAM_PERMISSION_DENIED",
    )
