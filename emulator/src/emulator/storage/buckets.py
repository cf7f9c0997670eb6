"""Buckets as plain folders, and the handlers of buckets.

Any folder with a bucket's name is a bucket. https://cloud.google.com/storage/docs/json_api/v1/buckets#resource
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import InvalidArgument, NotModified, PreconditionFailed, Unimplemented
from emulator.routing import Handler, Route
from emulator.state import State
from emulator.storage.errors import BucketExists, BucketNotEmpty, NoSuchBucket
from emulator.storage.generations import version_kind
from emulator.storage.metadata import etag_of, now_microseconds, timestamp
from emulator.storage.names import check_bucket_name, is_bucket_name
from emulator.storage.tree import remove_empty, walk
from emulator.storage.wire import STORAGE_CLASS, base_url, read_resource

_KIND = "bucket"
_WRITABLE = (
    "cors", "iamConfiguration", "labels", "lifecycle", "location", "softDeletePolicy", "storageClass",
    "versioning", "website",
)  # fmt: skip
_NOT_EMULATED = (
    "acl", "autoclass", "billing", "customPlacementConfig", "defaultEventBasedHold", "defaultObjectAcl",
    "encryption", "hierarchicalNamespace", "ipFilter", "logging", "objectRetention", "retentionPolicy",
)  # fmt: skip
_TYPES: Mapping[str, type] = {
    "cors": list, "iamConfiguration": dict, "labels": dict, "lifecycle": dict, "location": str, "rpo": str,
    "softDeletePolicy": dict, "storageClass": str, "versioning": dict, "website": dict,
}  # fmt: skip
_LOCATION = "US-CENTRAL1"
_PREVENTIONS = ("enforced", "inherited", "unspecified")
PROJECT_NUMBER = "1"
_PUBLIC_ACLS = frozenset({"authenticatedread", "publicread", "publicreadwrite"})
_BUCKETS = "/storage/v1/b"
_BUCKET = "/storage/v1/b/{bucket}"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Bucket with its settings.

    Attributes:
        name: its name.
        metageneration: counts the versions of its metadata, from 1.
        created: microseconds since 1970.
        updated: microseconds since 1970.
        settings: fields that clients wrote, as in the JSON API.
        policy: who may do what, as in the JSON API; kept, never applied.
    """

    name: str
    metageneration: int = 1
    created: int
    updated: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_uniform(self) -> bool:
        """Return True with uniform bucket-level access: there are no access control lists."""
        uniform = self.settings.get("iamConfiguration", {}).get("uniformBucketLevelAccess") or {}
        return uniform.get("enabled") is not False

    @property
    def is_versioned(self) -> bool:
        """Return True if replaced and deleted objects become noncurrent versions."""
        return bool(self.settings.get("versioning", {}).get("enabled"))


class BucketStore:
    """Store of the buckets below a folder; every method may be called from any thread."""

    def __init__(self, root: Path, state: State) -> None:
        """Make a store.

        Args:
            root: the folder whose folders are buckets.
            state: holds everything else about them.
        """
        self._root = root
        self._state = state
        # Held while a bucket is made or removed, and while an object of it is: neither is seen half done.
        self.lock = threading.RLock()

    def folder(self, name: str) -> Path:
        """Return a bucket's folder.

        Raises:
            InvalidArgument: no bucket may be called so.
            NoSuchBucket: it isn't there.
        """
        check_bucket_name(name)
        folder = self._root / name
        if folder.is_symlink() or not folder.is_dir():
            raise NoSuchBucket
        return folder

    def insert(self, name: str, resource: Mapping[str, Any]) -> Bucket:
        """Create a bucket.

        Raises:
            InvalidArgument: no bucket may be called so.
            BucketExists: it is there.
            Unimplemented: the resource asks for something that isn't emulated.
        """
        check_bucket_name(name)
        settings = _merged({}, resource)
        with self.lock:
            if os.path.lexists(self._root / name):
                raise BucketExists
            bucket = Bucket(
                name=name, created=now_microseconds(), updated=now_microseconds(), settings=settings
            )
            # First the settings: a kill in between leaves no bucket, never one without them.
            self._state.put(_KIND, name, asdict(bucket))
            (self._root / name).mkdir()
        return bucket

    def get(self, name: str) -> Bucket:
        """Return a bucket; a folder that another program made is a new bucket.

        Raises:
            InvalidArgument: no bucket may be called so.
            NoSuchBucket: it isn't there.
        """
        folder = self.folder(name)
        document = self._state.get(_KIND, name)
        if document is None:
            with self.lock:
                folder = self.folder(name)
                document = self._state.get(_KIND, name)
                if document is None:
                    made = folder.stat().st_mtime_ns // 1000
                    document = asdict(Bucket(name=name, created=made, updated=made))
                    self._state.put(_KIND, name, document)
        return Bucket(**document)

    def list(self, prefix: str = "") -> list[Bucket]:
        """Return all buckets whose name begins with the prefix, by name."""
        names = sorted(
            entry.name for entry in self._root.iterdir() if entry.is_dir() and not entry.is_symlink()
        )
        return [self.get(name) for name in names if name.startswith(prefix) and is_bucket_name(name)]

    def patch(self, name: str, resource: Mapping[str, Any], check: Callable[[Bucket], None]) -> Bucket:
        """Change the settings that the resource names; `null` removes one.

        Args:
            name: the bucket's name.
            resource: new settings.
            check: raises what forbids the change.

        Raises:
            NoSuchBucket: it isn't there.
            Unimplemented: the resource asks for something that isn't emulated.
        """
        return self._change(name, check, lambda old: {"settings": _merged(old.settings, resource)})

    def set_policy(self, name: str, policy: Mapping[str, Any]) -> Bucket:
        """Replace the IAM policy.

        Raises:
            NoSuchBucket: it isn't there.
            InvalidArgument: its bindings are no list.
            PreconditionFailed: it has the etag of an older one.
        """
        if not isinstance(policy.get("bindings", []), list):
            raise InvalidArgument(f"bindings: expected a list, received {policy['bindings']!r}")

        def check(found: Bucket) -> None:
            if policy.get("etag") not in (None, "", etag_of(found.metageneration)):
                raise PreconditionFailed("The policy was changed since it was read.")

        return self._change(name, check, lambda _: {"policy": dict(policy)})

    def delete(self, name: str, check: Callable[[Bucket], None]) -> None:
        """Remove an empty bucket.

        Args:
            name: the bucket's name.
            check: raises what forbids it.

        Raises:
            NoSuchBucket: it isn't there.
            BucketNotEmpty: there is a file in it, or a noncurrent version.
        """
        with self.lock:
            check(self.get(name))
            folder = self.folder(name)
            folders = {document["folder"]["name"] for document in self._state.list(f"folder:{name}")}
            if next(walk(folder, folders=folders), None) is not None or self._state.list(version_kind(name)):
                raise BucketNotEmpty
            remove_empty(folder)
            if folder.exists():
                raise BucketNotEmpty
            self._state.delete(_KIND, name)

    def _change(
        self, name: str, check: Callable[[Bucket], None], changes: Callable[[Bucket], dict[str, Any]]
    ) -> Bucket:
        with self.lock:
            found = self.get(name)
            check(found)
            changed = replace(
                found, metageneration=found.metageneration + 1, updated=now_microseconds(), **changes(found)
            )
            self._state.put(_KIND, name, asdict(changed))
        return changed


def _merged(settings: Mapping[str, Any], resource: Mapping[str, Any]) -> dict[str, Any]:
    for name in _NOT_EMULATED:
        if _asks(resource.get(name)):
            raise Unimplemented(f"{name} of buckets is not emulated.")
    _check_types(resource)
    merged = {**settings, **{name: resource[name] for name in _WRITABLE if name in resource}}
    for name in ("iamConfiguration", "labels"):
        if resource.get(name):
            merged[name] = _without_nulls({**settings.get(name, {}), **resource[name]})
    return _without_nulls(merged)


def _check_types(resource: Mapping[str, Any]) -> None:
    """Check the settings that are kept; one that would change what a bucket does is refused.

    Raises:
        InvalidArgument: a setting is of the wrong type.
        Unimplemented: it asks for something that isn't emulated.
    """
    for name, kind in _TYPES.items():
        value = resource.get(name)
        if value is not None and not isinstance(value, kind):
            raise InvalidArgument(f"{name}: expected {kind.__name__}, received {value!r}")
    for name, value in (resource.get("labels") or {}).items():
        if not isinstance(value, str | None):
            raise InvalidArgument(f"labels.{name}: expected text, received {value!r}")
    access = resource.get("iamConfiguration") or {}
    for name, switch in (
        ("versioning", resource.get("versioning")),
        ("uniformBucketLevelAccess", access.get("uniformBucketLevelAccess")),
    ):
        if not isinstance(switch, dict | None) or not isinstance((switch or {}).get("enabled"), bool | None):
            raise InvalidArgument(f"{name}.enabled: expected true or false, received {switch!r}")
    if access.get("publicAccessPrevention", "inherited") not in _PREVENTIONS:
        raise InvalidArgument(f"publicAccessPrevention: expected one of {_PREVENTIONS}, received {access!r}")
    soft_delete = resource.get("softDeletePolicy") or {}
    if str(soft_delete.get("retentionDurationSeconds", "0")) != "0":
        raise Unimplemented("softDeletePolicy of buckets is not emulated: expected a duration of 0.")
    if resource.get("rpo") not in (None, "DEFAULT"):
        raise Unimplemented(f"rpo of buckets is not emulated: expected DEFAULT, received {resource['rpo']!r}")


def _asks(setting: object) -> bool:
    """Return True if a setting switches something on; `{"enabled": false}` doesn't."""
    return any(_asks(value) for value in setting.values()) if isinstance(setting, Mapping) else bool(setting)


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class BucketHandlers:
    """Handlers of buckets."""

    def __init__(self, store: BucketStore) -> None:
        self._store = store

    @property
    def routes(self) -> list[Route]:
        """Routes of the methods on buckets."""
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
            Route(
                "storage", "storage.managedFolders.list", "GET", f"{_BUCKET}/managedFolders",
                self._empty_list("storage#managedFolders"),
            ),
            Route(
                "storage", "storage.notifications.list", "GET", f"{_BUCKET}/notificationConfigs",
                self._empty_list("storage#notifications"),
            ),
        ]  # fmt: skip

    async def _list(self, request: Request, _fields: Mapping[str, str]) -> Response:
        buckets = await run_in_threadpool(self._store.list, request.query_params.get("prefix", ""))
        items = [_resource(bucket, base_url(request)) for bucket in buckets]
        return JSONResponse({"kind": "storage#buckets", "items": items})

    async def _insert(self, request: Request, _fields: Mapping[str, str]) -> Response:
        _refuse_public_acl(request)
        if request.query_params.get("enableObjectRetention", "").lower() == "true":
            raise Unimplemented("objectRetention of buckets is not emulated.")
        resource = await read_resource(request)
        name = resource.get("name")
        if not isinstance(name, str):
            raise InvalidArgument(f"name: expected a bucket's name, received {name!r}", reason="required")
        bucket = await run_in_threadpool(self._store.insert, name, resource)
        return JSONResponse(_resource(bucket, base_url(request)))

    async def _get(self, request: Request, fields: Mapping[str, str]) -> Response:
        bucket = await run_in_threadpool(self._store.get, fields["bucket"])
        if request.query_params.get("ifMetagenerationNotMatch") == str(bucket.metageneration):
            raise NotModified
        _conditions(request)(bucket)
        return JSONResponse(_resource(bucket, base_url(request)))

    async def _patch(self, request: Request, fields: Mapping[str, str]) -> Response:
        _refuse_public_acl(request)
        resource = await read_resource(request)
        bucket = await run_in_threadpool(self._store.patch, fields["bucket"], resource, _conditions(request))
        return JSONResponse(_resource(bucket, base_url(request)))

    async def _delete(self, request: Request, fields: Mapping[str, str]) -> Response:
        await run_in_threadpool(self._store.delete, fields["bucket"], _conditions(request))
        return Response(status_code=204)

    async def _storage_layout(self, _request: Request, fields: Mapping[str, str]) -> Response:
        bucket = await run_in_threadpool(self._store.get, fields["bucket"])
        layout = {"kind": "storage#storageLayout", "bucket": bucket.name, "locationType": "region"}
        return JSONResponse({**layout, "hierarchicalNamespace": {"enabled": False}})

    def _empty_list(self, kind: str) -> Handler:  # of what can't be made; `gcloud storage rm -r` asks
        async def answer(_request: Request, fields: Mapping[str, str]) -> Response:
            await run_in_threadpool(self._store.get, fields["bucket"])
            return JSONResponse({"kind": kind})

        return answer


def _resource(bucket: Bucket, base_url: str) -> dict[str, Any]:
    """Return a bucket as the JSON API shows it.

    Args:
        bucket: the bucket.
        base_url: the caller's URL of the emulator, `http://localhost:9023`.
    """
    settings = dict(bucket.settings)
    return {
        "kind": "storage#bucket",
        "id": bucket.name,
        "selfLink": f"{base_url}/storage/v1/b/{quote(bucket.name)}",
        "name": bucket.name,
        "projectNumber": PROJECT_NUMBER,
        "metageneration": str(bucket.metageneration),
        "etag": etag_of(bucket.metageneration),
        "timeCreated": timestamp(bucket.created),
        "updated": timestamp(bucket.updated),
        "locationType": "region",
        "storageClass": STORAGE_CLASS,
        **settings,
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": True},
            "publicAccessPrevention": "inherited",
            **settings.get("iamConfiguration", {}),
        },
        "location": str(settings.get("location", _LOCATION)).upper(),
    }


def _refuse_public_acl(request: Request) -> None:
    """Refuse predefined lists that open a bucket to more than its project.

    Raises:
        Unimplemented: the request names one.
    """
    for name in ("predefinedAcl", "predefinedDefaultObjectAcl"):
        if request.query_params.get(name, "").lower() in _PUBLIC_ACLS:
            raise Unimplemented(f"{name} is not emulated: expected none that gives others access.")


def _conditions(request: Request) -> Callable[[Bucket], None]:
    wanted = request.query_params.get("ifMetagenerationMatch")
    unwanted = request.query_params.get("ifMetagenerationNotMatch")

    def check(bucket: Bucket) -> None:
        found = str(bucket.metageneration)
        if wanted not in {None, found} or unwanted == found:
            raise PreconditionFailed("At least one of the pre-conditions you specified did not hold.")

    return check
