"""Handlers of uploads: simple, multipart and resumable.

https://cloud.google.com/storage/docs/uploads-downloads#uploads. The parsers of form data insist on CRLF; the
clients built on apitools (`gcloud storage` is one) end lines with LF.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.errors import InvalidArgument, Unimplemented
from emulator.json_bodies import inflated_stream, parse_object
from emulator.routing import Route
from emulator.storage.access_control import refuse_object_acl
from emulator.storage.checksums import Digests
from emulator.storage.content import receive_object
from emulator.storage.metadata import DEFAULT_CONTENT_TYPE, ObjectMetadata, StoredObject
from emulator.storage.resumable import ResumableUploads, UploadSession
from emulator.storage.store import ObjectStore
from emulator.storage.wire import (
    announced_digests,
    base_url,
    conditions,
    object_resource,
    read_resource,
    refuse_encryption,
)

_MAX_HEAD_BYTES = 1 << 20
_MAX_EPILOGUE_BYTES = 64
_PATHS = ("/upload/storage/v1/b/{bucket}/o", "/resumable/upload/storage/v1/b/{bucket}/o")
"""The second is the one that apitools, and so `gcloud storage`, sends resumable uploads to."""


@dataclass(frozen=True)
class RelatedUpload:
    """Parts of a multipart upload.

    Attributes:
        resource: the first part: JSON.
        content_type: of the content; empty where it isn't said.
        content: the second part's bytes.
    """

    resource: bytes
    content_type: str
    content: AsyncIterator[bytes]


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type header names.

    Raises:
        InvalidArgument: it names none.
    """
    message = Message()
    message["Content-Type"] = content_type
    # apitools puts it between single quotes, which RFC 2045 doesn't know.
    boundary = (message.get_boundary() or "").strip("'")
    if not boundary:
        raise InvalidArgument(f"Content-Type: expected multipart with a boundary, received {content_type!r}")
    return boundary.encode()


async def read_related(body: AsyncIterator[bytes], boundary: bytes) -> RelatedUpload:
    """Read the first part, and the head of the second.

    Args:
        body: the request's bytes.
        boundary: separator of the parts.

    Raises:
        InvalidArgument: the body is no such upload.
    """
    buffer = b""
    while (head := _head(buffer, b"--" + boundary)) is None:
        data = await anext(body, None)
        if data is None or len(buffer) > _MAX_HEAD_BYTES:
            raise InvalidArgument("Multipart upload: expected a JSON part and a content part")
        buffer += data
    newline, resource, content_headers, end = head
    content_type = str(BytesHeaderParser().parsebytes(content_headers).get("Content-Type", ""))
    rest = buffer[end:]
    return RelatedUpload(resource, content_type, _content(rest, body, newline + b"--" + boundary + b"--"))


def _head(buffer: bytes, mark: bytes) -> tuple[bytes, bytes, bytes, int] | None:
    """Return the line end, the first part, the second one's headers and their end; None if more has to come.

    In time that grows evenly with the buffer, whatever it holds.
    """
    begin = len(buffer) - len(buffer.lstrip())
    line = buffer.find(b"\n", begin)
    if line < 0 or buffer[begin:line].rstrip(b" \t\r") != mark:
        return None
    position = _after_headers(buffer, line + 1)
    while position is not None:
        end = buffer.find(b"\n" + mark, position)
        second = buffer.find(b"\n", end + 1)
        if end < 0 or second < 0:
            return None
        if not buffer[end + 1 + len(mark) : second].strip(b" \t\r"):
            break
        position = second
    else:
        return None
    resource = buffer[_after_headers(buffer, line + 1) : end].removesuffix(b"\r")
    after = _after_headers(buffer, second + 1)
    newline = b"\r\n" if buffer[line - 1 : line] == b"\r" else b"\n"
    return None if after is None else (newline, resource, buffer[second + 1 : after], after)


def _after_headers(buffer: bytes, position: int) -> int | None:
    """Return the offset after the empty line that ends headers; None if there is none yet."""
    while (end := buffer.find(b"\n", position)) >= 0:
        if not buffer[position:end].strip(b"\r"):
            return end + 1
        position = end + 1
    return None


async def _content(begin: bytes, body: AsyncIterator[bytes], end: bytes) -> AsyncIterator[bytes]:
    """Yield the bytes before the end mark, which may occur in the content too: only the last one counts."""
    keep = len(end) + _MAX_EPILOGUE_BYTES
    buffer = begin
    async for data in body:
        buffer += data
        if len(buffer) > keep:
            yield buffer[:-keep]
            buffer = buffer[-keep:]
    content, found, _epilogue = buffer.rpartition(end)
    if not found:
        raise InvalidArgument("Multipart upload: expected the closing boundary at the end")
    yield content


class UploadHandlers:
    """Handlers of uploads."""

    def __init__(self, store: ObjectStore, resumable: ResumableUploads) -> None:
        self._store = store
        self._resumable = resumable

    @property
    def routes(self) -> list[Route]:
        """Routes of the upload methods; all of them are `storage.objects.insert`."""
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
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, {})
        resource = {
            "contentType": request.headers.get("content-type", DEFAULT_CONTENT_TYPE),
            "contentEncoding": request.query_params.get("contentEncoding"),
        }
        return await receive_object(
            self._store, inflated_stream(request), fields["bucket"], _name(request, {}),
            metadata=ObjectMetadata.from_json(resource),
            announced=announced_digests(request.headers), conditions=conditions(request),
        )  # fmt: skip

    async def _multipart(self, request: Request, fields: Mapping[str, str]) -> StoredObject:
        boundary = boundary_of(request.headers.get("content-type", ""))
        upload = await read_related(inflated_stream(request), boundary)
        resource = parse_object(upload.resource)
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, resource)
        return await receive_object(
            self._store, upload.content, fields["bucket"], _name(request, resource),
            metadata=_metadata(request, resource, upload.content_type),
            announced=_announced(request, resource), conditions=conditions(request),
        )  # fmt: skip

    async def _begin(self, request: Request, fields: Mapping[str, str]) -> Response:
        resource = await read_resource(request)
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, resource)
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
        if request.headers.get("content-encoding", "").lower() == "gzip":
            raise Unimplemented(
                "Parts of resumable uploads that are gzip-encoded on their way: not emulated."
            )
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
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise InvalidArgument(f"X-Upload-Content-Length: expected a number, received {text!r}")
    return int(text)


def _upload_id(request: Request) -> str:
    upload_id = request.query_params.get("upload_id")
    if not upload_id:
        raise InvalidArgument("upload_id: expected the id of a resumable upload, received nothing")
    return upload_id
