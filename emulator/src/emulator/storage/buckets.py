"""Handlers of buckets and their IAM policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import InvalidArgument, NotModified, PreconditionFailed
from emulator.routing import Route
from emulator.storage.bucket_store import Bucket, BucketStore
from emulator.storage.requests import base_url, read_resource
from emulator.storage.resources import bucket_resource

_BUCKETS = "/storage/v1/b"
_BUCKET = "/storage/v1/b/{bucket}"


class BucketHandlers:
    """Answers what is about a bucket as a whole."""

    def __init__(self, store: BucketStore) -> None:
        self._store = store

    @property
    def routes(self) -> list[Route]:
        """The methods on buckets."""
        return [
            Route("storage", "storage.buckets.list", "GET", _BUCKETS, self._list),
            Route("storage", "storage.buckets.insert", "POST", _BUCKETS, self._insert),
            Route("storage", "storage.buckets.get", "GET", _BUCKET, self._get),
            Route("storage", "storage.buckets.patch", "PATCH", _BUCKET, self._patch),
            Route("storage", "storage.buckets.delete", "DELETE", _BUCKET, self._delete),
            Route(
                "storage", "storage.buckets.getStorageLayout", "GET", f"{_BUCKET}/storageLayout",
                self._storage_layout,
            ),
            Route("storage", "storage.buckets.getIamPolicy", "GET", f"{_BUCKET}/iam", self._get_policy),
            Route("storage", "storage.buckets.setIamPolicy", "PUT", f"{_BUCKET}/iam", self._set_policy),
            Route(
                "storage", "storage.buckets.testIamPermissions", "GET", f"{_BUCKET}/iam/testPermissions",
                self._test_permissions,
            ),
            Route(
                "storage", "storage.managedFolders.list", "GET", f"{_BUCKET}/managedFolders",
                self._no_managed_folders,
            ),
        ]  # fmt: skip

    async def _list(self, request: Request, _fields: Mapping[str, str]) -> Response:
        buckets = await run_in_threadpool(self._store.list, request.query_params.get("prefix", ""))
        items = [bucket_resource(bucket, base_url(request)) for bucket in buckets]
        return JSONResponse({"kind": "storage#buckets", "items": items})

    async def _insert(self, request: Request, _fields: Mapping[str, str]) -> Response:
        resource = await read_resource(request)
        name = resource.get("name")
        if not isinstance(name, str):
            raise InvalidArgument(f"name: expected a bucket's name, received {name!r}", reason="required")
        bucket = await run_in_threadpool(self._store.insert, name, resource)
        return JSONResponse(bucket_resource(bucket, base_url(request)))

    async def _get(self, request: Request, fields: Mapping[str, str]) -> Response:
        bucket = await run_in_threadpool(self._store.get, fields["bucket"])
        if request.query_params.get("ifMetagenerationNotMatch") == str(bucket.metageneration):
            raise NotModified
        _conditions(request)(bucket)
        return JSONResponse(bucket_resource(bucket, base_url(request)))

    async def _patch(self, request: Request, fields: Mapping[str, str]) -> Response:
        resource = await read_resource(request)
        bucket = await run_in_threadpool(self._store.patch, fields["bucket"], resource, _conditions(request))
        return JSONResponse(bucket_resource(bucket, base_url(request)))

    async def _delete(self, request: Request, fields: Mapping[str, str]) -> Response:
        await run_in_threadpool(self._store.delete, fields["bucket"], _conditions(request))
        return Response(status_code=204)

    async def _storage_layout(self, _request: Request, fields: Mapping[str, str]) -> Response:
        bucket = await run_in_threadpool(self._store.get, fields["bucket"])
        layout = {"kind": "storage#storageLayout", "bucket": bucket.name, "locationType": "region"}
        return JSONResponse({**layout, "hierarchicalNamespace": {"enabled": False}})

    async def _no_managed_folders(self, _request: Request, fields: Mapping[str, str]) -> Response:
        # `gcloud storage rm -r` asks; there are none, since none can be made.
        await run_in_threadpool(self._store.get, fields["bucket"])
        return JSONResponse({"kind": "storage#managedFolders"})

    async def _get_policy(self, _request: Request, fields: Mapping[str, str]) -> Response:
        return _policy_response(await run_in_threadpool(self._store.get, fields["bucket"]))

    async def _set_policy(self, request: Request, fields: Mapping[str, str]) -> Response:
        policy = await read_resource(request)
        return _policy_response(await run_in_threadpool(self._store.set_policy, fields["bucket"], policy))

    async def _test_permissions(self, request: Request, fields: Mapping[str, str]) -> Response:
        await run_in_threadpool(self._store.get, fields["bucket"])
        permissions = request.query_params.getlist("permissions")
        return JSONResponse({"kind": "storage#testIamPermissionsResponse", "permissions": permissions})


def _policy_response(bucket: Bucket) -> Response:
    policy: dict[str, Any] = {"version": 1, "bindings": [], **bucket.policy}
    return JSONResponse(
        {
            **policy,
            "kind": "storage#policy",
            "resourceId": f"projects/_/buckets/{bucket.name}",
            "etag": str(bucket.metageneration),
        }
    )


def _conditions(request: Request) -> Callable[[Bucket], None]:
    wanted = request.query_params.get("ifMetagenerationMatch")
    unwanted = request.query_params.get("ifMetagenerationNotMatch")

    def check(bucket: Bucket) -> None:
        found = str(bucket.metageneration)
        if wanted not in {None, found} or unwanted == found:
            raise PreconditionFailed("At least one of the pre-conditions you specified did not hold.")

    return check
