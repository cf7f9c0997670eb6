"""Handlers of uploads: simple, multipart and resumable.

https://cloud.google.com/storage/docs/uploads-downloads#uploads
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import InvalidArgument
from emulator.routing import Route
from emulator.storage.checksums import Digests
from emulator.storage.metadata import DEFAULT_CONTENT_TYPE, ObjectMetadata, StoredObject
from emulator.storage.multipart import boundary_of, read_related
from emulator.storage.receiving import receive_object
from emulator.storage.requests import (
    announced_digests,
    base_url,
    conditions,
    parse_resource,
    read_resource,
    refuse_encryption,
)
from emulator.storage.resources import object_resource
from emulator.storage.resumable import ResumableUploads
from emulator.storage.store import ObjectStore
from emulator.storage.upload_sessions import UploadSession

_PATHS = ("/upload/storage/v1/b/{bucket}/o", "/resumable/upload/storage/v1/b/{bucket}/o")
"""The second is the one that apitools, and so `gcloud storage`, sends resumable uploads to."""


class UploadHandlers:
    """Takes the content of new objects."""

    def __init__(self, store: ObjectStore, resumable: ResumableUploads) -> None:
        self._store = store
        self._resumable = resumable

    @property
    def routes(self) -> list[Route]:
        """The upload methods; all of them are `storage.objects.insert`, each request its own fault target."""
        return [
            route
            for path in _PATHS
            for route in (
                Route("storage", "storage.objects.insert", "POST", path, self._insert),
                Route("storage", "storage.objects.insert", "PUT", path, self._continue),
                Route("storage", "storage.objects.insert", "DELETE", path, self._cancel),
            )
        ]

    async def _insert(self, request: Request, fields: Mapping[str, str]) -> Response:
        refuse_encryption(request)
        if "upload_id" in request.query_params:  # gcsfs goes on by POST
            return await self._continue(request, fields)
        kind = request.query_params.get("uploadType")
        if kind == "resumable":
            return await self._begin(request, fields)
        if kind == "multipart":
            return _answer(request, await self._multipart(request, fields))
        if kind == "media":
            return _answer(request, await self._simple(request, fields))
        raise InvalidArgument(f"uploadType: expected media, multipart or resumable, received {kind!r}")

    async def _simple(self, request: Request, fields: Mapping[str, str]) -> StoredObject:
        resource = {
            "contentType": request.headers.get("content-type", DEFAULT_CONTENT_TYPE),
            "contentEncoding": request.query_params.get("contentEncoding"),
        }
        return await receive_object(
            self._store, request.stream(), fields["bucket"], _name(request, {}),
            metadata=ObjectMetadata.from_json(resource),
            announced=announced_digests(request.headers), conditions=conditions(request),
        )  # fmt: skip

    async def _multipart(self, request: Request, fields: Mapping[str, str]) -> StoredObject:
        boundary = boundary_of(request.headers.get("content-type", ""))
        upload = await read_related(request.stream(), boundary)
        resource = parse_resource(upload.resource)
        return await receive_object(
            self._store, upload.content, fields["bucket"], _name(request, resource),
            metadata=_metadata(request, resource, upload.content_type),
            announced=_announced(request, resource), conditions=conditions(request),
        )  # fmt: skip

    async def _begin(self, request: Request, fields: Mapping[str, str]) -> Response:
        resource = await read_resource(request)
        session = UploadSession(
            bucket=fields["bucket"],
            name=_name(request, resource),
            metadata=_metadata(request, resource, request.headers.get("x-upload-content-type", "")),
            announced=_announced(request, resource),
            conditions=conditions(request),
            size=_size(request.headers.get("x-upload-content-length")),
        )
        upload_id = await run_in_threadpool(self._resumable.begin, session)
        path = f"{request.url.path.rpartition('/b/')[0]}/b/{quote(session.bucket)}/o"
        location = f"{base_url(request)}{path}?uploadType=resumable&upload_id={upload_id}"
        return Response(headers={"Location": location, "X-GUploader-UploadID": upload_id})

    async def _continue(self, request: Request, _fields: Mapping[str, str]) -> Response:
        progress = await self._resumable.receive(_upload_id(request), request)
        if progress.finished is not None:
            return _answer(request, progress.finished)
        received = {"Range": f"bytes=0-{progress.received - 1}"} if progress.received else {}
        return Response(status_code=308, headers=received)

    async def _cancel(self, request: Request, _fields: Mapping[str, str]) -> Response:
        await self._resumable.cancel(_upload_id(request))
        # The service's own status: https://cloud.google.com/storage/docs/performing-resumable-uploads#cancel-upload
        return Response(status_code=499)


def _answer(request: Request, found: StoredObject) -> Response:
    return JSONResponse(object_resource(found, base_url(request)), headers={"ETag": found.etag})


def _name(request: Request, resource: Mapping[str, Any]) -> str:
    name = request.query_params.get("name") or resource.get("name")
    if not name or not isinstance(name, str):
        raise InvalidArgument(f"name: expected an object's name, received {name!r}", reason="required")
    return name


def _metadata(request: Request, resource: Mapping[str, Any], content_type: str) -> ObjectMetadata:
    encoding = request.query_params.get("contentEncoding")
    given = {"contentType": content_type or DEFAULT_CONTENT_TYPE, "contentEncoding": encoding}
    named = {name: value for name, value in resource.items() if value is not None}
    return ObjectMetadata.from_json({**given, **named})


def _announced(request: Request, resource: Mapping[str, Any]) -> Digests:
    named = Digests(crc32c=resource.get("crc32c"), md5=resource.get("md5Hash"))
    return named.merged(announced_digests(request.headers))


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal():
        raise InvalidArgument(f"X-Upload-Content-Length: expected a number, received {text!r}")
    return int(text)


def _upload_id(request: Request) -> str:
    upload_id = request.query_params.get("upload_id")
    if not upload_id:
        raise InvalidArgument("upload_id: expected the id of a resumable upload, received nothing")
    return upload_id
