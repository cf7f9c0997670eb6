"""Handlers of access: IAM policies, the service agent, and access control lists, which are refused.

Buckets have uniform bucket-level access unless they say else, under which there are no lists:
https://cloud.google.com/storage/docs/uniform-bucket-level-access. The messages are the service's, seen in
https://github.com/forseti-security/forseti-security/issues/3649 (lists of buckets),
https://github.com/GoogleCloudPlatform/terraform-large-data-sharing-golang-webapp/pull/61 (their changes) and
https://github.com/googleapis/nodejs-storage/issues/1230 (new objects).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import ApiError, InvalidArgument, Unimplemented
from emulator.iam import held_permissions
from emulator.routing import Handler, Route
from emulator.storage.buckets import PROJECT_NUMBER, Bucket, BucketStore
from emulator.storage.metadata import etag_of
from emulator.storage.store import ObjectStore
from emulator.storage.wire import conditions, read_resource

_BUCKET = "/storage/v1/b/{bucket}"
_MORE = "Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access"
_GET_BUCKET = "Cannot get legacy ACL for a bucket that has uniform bucket-level access."
_SET_BUCKET = "Cannot use ACL API to update bucket policy when uniform bucket-level access is enabled."
_GET_OBJECT = "Cannot get legacy ACL for an object when uniform bucket-level access is enabled."
_SET_OBJECT = "Cannot update legacy ACL for an object when uniform bucket-level access is enabled."
_INSERT_OBJECT = "Cannot insert legacy ACL for an object when uniform bucket-level access is enabled."
_READS = (("list", "GET", ""), ("get", "GET", "/{entity}"))
_CHANGES = (
    ("insert", "POST", ""), ("delete", "DELETE", "/{entity}"), ("patch", "PATCH", "/{entity}"),
    ("update", "PUT", "/{entity}"),
)  # fmt: skip
_PARAMETERS = ("predefinedAcl", "destinationPredefinedAcl")


class AccessControlHandlers:
    """Handlers of policies, and of the access control lists of buckets and objects."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @property
    def routes(self) -> list[Route]:
        """Routes of the methods on policies and lists."""
        lists = [
            Route("storage", f"storage.{collection}.{method}", http_method, f"{path}{suffix}", handler)
            for collection, path, read, change in (
                ("bucketAccessControls", f"{_BUCKET}/acl", _GET_BUCKET, _SET_BUCKET),
                ("defaultObjectAccessControls", f"{_BUCKET}/defaultObjectAcl", _GET_BUCKET, _SET_BUCKET),
                ("objectAccessControls", f"{_BUCKET}/o/{{object}}/acl", _GET_OBJECT, _SET_OBJECT),
            )
            for methods, handler in ((_READS, self._refusal(read)), (_CHANGES, self._refusal(change)))
            for method, http_method, suffix in methods
        ]
        return [
            Route("storage", "storage.buckets.getIamPolicy", "GET", f"{_BUCKET}/iam", self._get_policy),
            Route("storage", "storage.buckets.setIamPolicy", "PUT", f"{_BUCKET}/iam", self._set_policy),
            Route(
                "storage", "storage.buckets.testIamPermissions", "GET", f"{_BUCKET}/iam/testPermissions",
                self._test_permissions,
            ),
            Route(
                "storage", "storage.projects.serviceAccount.get", "GET",
                "/storage/v1/projects/{project}/serviceAccount", self._service_agent,
            ),
            *lists,
        ]  # fmt: skip

    async def _get_policy(self, _request: Request, fields: Mapping[str, str]) -> Response:
        return _policy_response(await run_in_threadpool(self._store.buckets.get, fields["bucket"]))

    async def _set_policy(self, request: Request, fields: Mapping[str, str]) -> Response:
        policy = await read_resource(request)
        return _policy_response(
            await run_in_threadpool(self._store.buckets.set_policy, fields["bucket"], policy)
        )

    async def _test_permissions(self, request: Request, fields: Mapping[str, str]) -> Response:
        await run_in_threadpool(self._store.buckets.get, fields["bucket"])
        permissions = held_permissions(request.query_params.getlist("permissions"), fields["bucket"])
        return JSONResponse({"kind": "storage#testIamPermissionsResponse", "permissions": permissions})

    async def _service_agent(self, _request: Request, _fields: Mapping[str, str]) -> Response:
        email = f"service-{PROJECT_NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
        return JSONResponse({"kind": "storage#serviceAccount", "email_address": email})

    def _refusal(self, message: str) -> Handler:
        async def refuse(request: Request, fields: Mapping[str, str]) -> Response:
            if "object" in fields:
                generation = conditions(request).generation
                await run_in_threadpool(self._store.get, fields["bucket"], fields["object"], generation)
            raise await run_in_threadpool(_refusal, self._store.buckets, fields["bucket"], message)

        return refuse


async def refuse_object_acl(
    buckets: BucketStore, bucket: str, request: Request, resource: Mapping[str, Any]
) -> None:
    """Refuse access control lists for an object that is written.

    Args:
        buckets: the store of its bucket.
        bucket: its bucket's name.
        request: the request to write it.
        resource: the object resource that it sends.

    Raises:
        InvalidArgument: it names a list, in a bucket with uniform access.
        Unimplemented: it names one, in another bucket.
    """
    named = [name for name in _PARAMETERS if request.query_params.get(name)]
    if named or resource.get("acl") or "x-goog-acl" in request.headers:
        raise await run_in_threadpool(_refusal, buckets, bucket, _INSERT_OBJECT)


def _refusal(buckets: BucketStore, bucket: str, message: str) -> ApiError:
    if buckets.get(bucket).is_uniform:
        return InvalidArgument(f"{message} {_MORE}")
    return Unimplemented("Access control lists are not emulated, also without uniform bucket-level access.")


def _policy_response(bucket: Bucket) -> Response:
    policy: dict[str, Any] = {"version": 1, "bindings": [], **bucket.policy}
    return JSONResponse(
        {
            **policy,
            "kind": "storage#policy",
            "resourceId": f"projects/_/buckets/{bucket.name}",
            "etag": etag_of(bucket.metageneration),
        }
    )
