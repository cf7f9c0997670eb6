"""Handlers of objects: list, metadata, delete, compose, copy and move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import InvalidArgument
from emulator.iam import require
from emulator.iam.permissions import OVERWRITE
from emulator.routing import Route
from emulator.storage.access_control import refuse_object_acl
from emulator.storage.content import Source, compose_objects, copy_object
from emulator.storage.listing import ListRequest, list_objects
from emulator.storage.media import MediaHandlers
from emulator.storage.metadata import ObjectMetadata, StoredObject
from emulator.storage.preconditions import Preconditions
from emulator.storage.store import ObjectStore
from emulator.storage.wire import base_url, conditions, object_resource, read_resource, refuse_encryption

_BUCKET = "/storage/v1/b/{bucket}"
_OBJECT = "/storage/v1/b/{bucket}/o/{object}"
_COPY = "/storage/v1/b/{sourceBucket}/o/{sourceObject}"
_TO = "b/{bucket}/o/{object}"


class ObjectHandlers:
    """Handlers of objects, apart from their content."""

    def __init__(self, store: ObjectStore, media: MediaHandlers) -> None:
        self._store = store
        self._media = media

    @property
    def routes(self) -> list[Route]:
        """Routes of the methods on objects."""
        return [
            Route("storage", "storage.objects.list", "GET", f"{_BUCKET}/o", self._list),
            Route("storage", "storage.objects.get", "GET", _OBJECT, self._get),
            Route("storage", "storage.objects.patch", "PATCH", _OBJECT, self._patch),
            Route("storage", "storage.objects.update", "PUT", _OBJECT, self._update),
            Route("storage", "storage.objects.delete", "DELETE", _OBJECT, self._delete),
            Route("storage", "storage.objects.compose", "POST", f"{_OBJECT}/compose", self._compose),
            Route("storage", "storage.objects.copy", "POST", f"{_COPY}/copyTo/{_TO}", self._copy),
            Route("storage", "storage.objects.rewrite", "POST", f"{_COPY}/rewriteTo/{_TO}", self._rewrite),
            Route(
                "storage", "storage.objects.move", "POST",
                f"{_BUCKET}/o/{{sourceObject}}/moveTo/o/{{object}}", self._move,
            ),
        ]  # fmt: skip

    async def _list(self, request: Request, fields: Mapping[str, str]) -> Response:
        wanted = ListRequest.from_parameters(request.query_params)
        page = await run_in_threadpool(list_objects, self._store, fields["bucket"], wanted)
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if page.objects:
            answer["items"] = [object_resource(found, base_url(request)) for found in page.objects]
        if page.prefixes:
            answer["prefixes"] = page.prefixes
        if page.next_page_token:
            answer["nextPageToken"] = page.next_page_token
        return JSONResponse(answer)

    async def _get(self, request: Request, fields: Mapping[str, str]) -> Response:
        if request.query_params.get("alt") == "media":
            return await self._media.get(request, fields)
        wanted = conditions(request)
        found = await run_in_threadpool(
            self._store.get, fields["bucket"], fields["object"], wanted.generation
        )
        wanted.check_read(found)
        return _answer(request, found)

    async def _patch(self, request: Request, fields: Mapping[str, str]) -> Response:
        resource = await read_resource(request)
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, resource)
        return await self._change(request, fields, lambda old: old.patched(resource))

    async def _update(self, request: Request, fields: Mapping[str, str]) -> Response:
        resource = await read_resource(request)
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, resource)
        metadata = ObjectMetadata.from_json(resource)
        return await self._change(request, fields, lambda _old: metadata)

    async def _change(
        self, request: Request, fields: Mapping[str, str], change: Callable[[ObjectMetadata], ObjectMetadata]
    ) -> Response:
        found = await run_in_threadpool(
            self._store.patch, fields["bucket"], fields["object"], change, conditions(request)
        )
        return _answer(request, found)

    async def _delete(self, request: Request, fields: Mapping[str, str]) -> Response:
        await run_in_threadpool(self._store.delete, fields["bucket"], fields["object"], conditions(request))
        return Response(status_code=204)

    async def _compose(self, request: Request, fields: Mapping[str, str]) -> Response:
        refuse_encryption(request)
        resource = await read_resource(request)
        destination = _mapping(resource, "destination")
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, destination)
        named = resource.get("sourceObjects", [])
        if not isinstance(named, list):
            raise InvalidArgument(f"sourceObjects: expected a list, received {named!r}")
        sources = [_component(fields["bucket"], item) for item in named]
        if resource.get("deleteSourceObjects"):
            require(OVERWRITE, f"{fields['bucket']}/*")
        composed = await run_in_threadpool(
            compose_objects, self._store, sources, fields["bucket"], fields["object"],
            metadata=ObjectMetadata.from_json(destination),
            conditions=conditions(request),
        )  # fmt: skip
        if resource.get("deleteSourceObjects"):
            # A source that is named with its generation goes for good, as by a deletion that names it.
            for name, generation in {(source.name, source.conditions.generation) for source in sources}:
                if name != composed.name:
                    wanted = Preconditions(generation=generation)
                    await run_in_threadpool(self._store.delete, composed.bucket, name, wanted)
        return _answer(request, composed)

    async def _copy(self, request: Request, fields: Mapping[str, str]) -> Response:
        return _answer(request, await self._copied(request, fields))

    async def _rewrite(self, request: Request, fields: Mapping[str, str]) -> Response:
        copied = await self._copied(request, fields)
        progress = {"totalBytesRewritten": str(copied.size), "objectSize": str(copied.size), "done": True}
        resource = object_resource(copied, base_url(request))
        return JSONResponse({"kind": "storage#rewriteResponse", **progress, "resource": resource})

    async def _copied(self, request: Request, fields: Mapping[str, str]) -> StoredObject:
        refuse_encryption(request)
        resource = await read_resource(request)
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, resource)
        source = Source(
            bucket=fields["sourceBucket"],
            name=fields["sourceObject"],
            conditions=Preconditions.on_source(request.query_params),
        )
        return await run_in_threadpool(
            copy_object, self._store, source, fields["bucket"], fields["object"],
            # A resource replaces all of the source's metadata, as in the service.
            metadata=ObjectMetadata.from_json(resource) if resource else None,
            conditions=conditions(request),
        )  # fmt: skip

    async def _move(self, request: Request, fields: Mapping[str, str]) -> Response:
        moved = await run_in_threadpool(
            self._store.move, fields["bucket"], fields["sourceObject"], fields["object"],
            on_source=Preconditions.on_source(request.query_params), conditions=conditions(request),
        )  # fmt: skip
        return _answer(request, moved)


def _answer(request: Request, found: StoredObject) -> Response:
    return JSONResponse(object_resource(found, base_url(request)), headers={"ETag": found.etag})


def _mapping(resource: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object in a resource; empty if it isn't there."""
    value = resource.get(name) or {}
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"{name}: expected an object, received {value!r}")
    return value


def _component(bucket: str, item: object) -> Source:
    """Return a source object of a compose request."""
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise InvalidArgument(f"sourceObjects: expected objects with a name, received {item!r}")
    wanted = _mapping(item, "objectPreconditions")
    numbers = {
        "sourceGeneration": item.get("generation"),
        "ifSourceGenerationMatch": wanted.get("ifGenerationMatch"),
    }
    parameters = {name: str(value) for name, value in numbers.items() if value is not None}
    return Source(bucket=bucket, name=item["name"], conditions=Preconditions.on_source(parameters))
