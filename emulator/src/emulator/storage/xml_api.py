"""Handlers of the XML API's methods on objects: for signed URLs, and for multipart uploads.

https://cloud.google.com/storage/docs/xml-api/reference-methods
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.parsers import expat

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from emulator import errors
from emulator.errors import ApiError, InvalidArgument, Unimplemented
from emulator.json_bodies import read_body
from emulator.routing import Handler, Route
from emulator.storage.access_control import refuse_object_acl
from emulator.storage.checksums import Digests
from emulator.storage.content import receive_object
from emulator.storage.errors import (
    ChecksumMismatch,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    NoSuchBucket,
    NoSuchObject,
    NoSuchUpload,
    UnsatisfiableRangeError,
)
from emulator.storage.listing import MAX_RESULTS, ListRequest, list_objects
from emulator.storage.media import MediaHandlers
from emulator.storage.metadata import DEFAULT_CONTENT_TYPE, ObjectMetadata, timestamp
from emulator.storage.multipart import MAX_PARTS, MultipartUploads, part_number
from emulator.storage.resumable import ResumableUploads, UploadSession
from emulator.storage.store import ObjectStore
from emulator.storage.wire import announced_digests, base_url, conditions, refuse_encryption

_OBJECT = "/{bucket}/{object=**}"
_META = "x-goog-meta-"
_SUBRESOURCES = frozenset({"acl", "compose", "uploads", "uploadId", "partNumber", "tagging", "retention"})
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_BUCKET_SUBRESOURCES = frozenset(
    {
        "acl",
        "billing",
        "cors",
        "encryption",
        "lifecycle",
        "list-type",
        "location",
        "logging",
        "policy",
        "storageClass",
        "tagging",
        "versioning",
        "versions",
        "website",
    }
)
_MAX_LISTED_PARTS = 1000
_MAX_COMPLETE_BYTES = 4 << 20
_CODES: Mapping[type[ApiError], str] = {
    ChecksumMismatch: "BadDigest",
    EntityTooSmall: "EntityTooSmall",
    InvalidPart: "InvalidPart",
    InvalidPartOrder: "InvalidPartOrder",
    NoSuchBucket: "NoSuchBucket",
    NoSuchObject: "NoSuchKey",
    NoSuchUpload: "NoSuchUpload",
    UnsatisfiableRangeError: "InvalidRange",
    errors.PermissionDenied: "AccessDenied",
    errors.PreconditionFailed: "PreconditionFailed",
    Unimplemented: "NotImplemented",
}
"""https://cloud.google.com/storage/docs/xml-api/reference-status"""


class XmlHandlers:
    """Handlers of the XML API's methods on objects."""

    def __init__(
        self, store: ObjectStore, media: MediaHandlers, uploads: MultipartUploads, resumable: ResumableUploads
    ) -> None:
        self._store = store
        self._media = media
        self._uploads = uploads
        self._resumable = resumable

    @property
    def routes(self) -> list[Route]:
        """Routes of the methods on objects; their template fits nearly every path, so that they come last."""
        table: list[tuple[str, str, str, Handler]] = [
            ("initiateMultipartUpload", "POST", f"{_OBJECT}?uploads", self._initiate),
            ("uploadPart", "PUT", f"{_OBJECT}?partNumber&uploadId", self._put_part),
            ("completeMultipartUpload", "POST", f"{_OBJECT}?uploadId", self._complete),
            ("abortMultipartUpload", "DELETE", f"{_OBJECT}?uploadId", self._abort),
            ("listParts", "GET", f"{_OBJECT}?uploadId", self._list_parts),
            ("getObject", "GET", _OBJECT, self._get),
            ("headObject", "HEAD", _OBJECT, self._get),
            ("putObject", "PUT", _OBJECT, self._put),
            ("deleteObject", "DELETE", _OBJECT, self._delete),
            ("postObject", "POST", _OBJECT, self._post),
            ("listObjects", "GET", "/{bucket}", self._list),
        ]
        return [
            Route("storage", "storage.xml.listMultipartUploads", "GET", "/{bucket}?uploads", None),
            *(
                Route("storage", f"storage.xml.{method}", http_method, template, _with_xml_errors(handler))
                for method, http_method, template, handler in table
            ),
        ]

    async def _get(self, request: Request, fields: Mapping[str, str]) -> Response:
        _refuse_subresources(request)
        return await self._media.get(request, fields)

    async def _put(self, request: Request, fields: Mapping[str, str]) -> Response:
        _refuse_subresources(request)
        refuse_encryption(request)
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, {})
        if "x-goog-copy-source" in request.headers:
            raise Unimplemented("Copies by the XML API are not emulated.")
        found = await receive_object(
            self._store, request.stream(), fields["bucket"], fields["object"],
            metadata=_metadata(request.headers),
            announced=announced_digests(request.headers), conditions=conditions(request),
        )  # fmt: skip
        return Response(headers={"ETag": found.etag, "X-Goog-Generation": str(found.generation)})

    async def _delete(self, request: Request, fields: Mapping[str, str]) -> Response:
        _refuse_subresources(request)
        await run_in_threadpool(self._store.delete, fields["bucket"], fields["object"], conditions(request))
        return Response(status_code=204)

    async def _post(self, request: Request, fields: Mapping[str, str]) -> Response:
        """Begin a resumable upload, which the session's URI of the JSON API goes on with."""
        _refuse_subresources(request)
        refuse_encryption(request)
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, {})
        if request.headers.get("x-goog-resumable", "") != "start":
            raise Unimplemented("POST of an object is not emulated: expected x-goog-resumable: start.")
        session = UploadSession(
            bucket=fields["bucket"], name=fields["object"], metadata=_metadata(request.headers),
            announced=Digests(), conditions=conditions(request), size=None,
        )  # fmt: skip
        upload_id = await run_in_threadpool(self._resumable.begin, session)
        path = f"/upload/storage/v1/b/{quote(session.bucket)}/o?uploadType=resumable&upload_id={upload_id}"
        headers = {"Location": f"{base_url(request)}{path}", "X-GUploader-UploadID": upload_id}
        return Response(status_code=201, headers=headers)

    async def _list(self, request: Request, fields: Mapping[str, str]) -> Response:
        unknown = sorted(_BUCKET_SUBRESOURCES.intersection(request.query_params))
        if unknown:
            raise Unimplemented(f"The XML API's {', '.join(unknown)} of buckets is not emulated.")
        query = request.query_params
        wanted = ListRequest(
            prefix=query.get("prefix", ""), delimiter=query.get("delimiter", ""),
            after=query.get("marker", ""),
            max_results=min(_number(request, "max-keys", MAX_RESULTS), MAX_RESULTS),
        )  # fmt: skip
        page = await run_in_threadpool(list_objects, self._store, fields["bucket"], wanted)
        answer = {
            "Name": fields["bucket"], "Prefix": wanted.prefix, "Marker": wanted.after,
            "IsTruncated": str(bool(page.next_page_token)).lower(),
        }  # fmt: skip
        if page.next_page_token:
            answer["NextMarker"] = max([found.name for found in page.objects] + page.prefixes)
        root = _element("ListBucketResult", answer, xmlns=_NAMESPACE)
        for found in page.objects:
            shown = {
                "Key": found.name, "Generation": str(found.generation),
                "MetaGeneration": str(found.metageneration), "LastModified": timestamp(found.updated),
                "ETag": f'"{found.etag}"', "Size": str(found.size),
            }  # fmt: skip
            root.append(_element("Contents", shown))
        for prefix in page.prefixes:
            root.append(_element("CommonPrefixes", {"Prefix": prefix}))
        return _xml(root)

    async def _initiate(self, request: Request, fields: Mapping[str, str]) -> Response:
        refuse_encryption(request)
        await refuse_object_acl(self._store.buckets, fields["bucket"], request, {})
        upload_id = await run_in_threadpool(
            self._uploads.initiate, fields["bucket"], fields["object"], _metadata(request.headers)
        )
        answer = {"Bucket": fields["bucket"], "Key": fields["object"], "UploadId": upload_id}
        return _xml(_element("InitiateMultipartUploadResult", answer, xmlns=_NAMESPACE))

    async def _put_part(self, request: Request, fields: Mapping[str, str]) -> Response:
        refuse_encryption(request)
        if "x-goog-copy-source" in request.headers:
            raise Unimplemented("Copies by the XML API are not emulated.")
        part = await self._uploads.put_part(
            fields["bucket"], fields["object"], request.query_params["uploadId"],
            number=part_number(request.query_params["partNumber"]), content=request.stream(),
            announced=announced_digests(request.headers),
        )  # fmt: skip
        hashes = f"crc32c={part.crc32c},md5={part.md5}"
        return Response(headers={"ETag": part.etag, "X-Goog-Hash": hashes})

    async def _complete(self, request: Request, fields: Mapping[str, str]) -> Response:
        chosen = parse_parts(await read_body(request, limit=_MAX_COMPLETE_BYTES, inflate=False))
        found = await run_in_threadpool(
            self._uploads.complete,
            fields["bucket"],
            fields["object"],
            request.query_params["uploadId"],
            chosen,
        )
        answer = {
            "Location": f"{base_url(request)}{request.url.path}",
            "Bucket": found.bucket,
            "Key": found.name,
            "ETag": f'"{found.etag}"',
        }
        headers = {"X-Goog-Generation": str(found.generation), "X-Goog-Hash": f"crc32c={found.crc32c}"}
        return _xml(_element("CompleteMultipartUploadResult", answer, xmlns=_NAMESPACE), headers=headers)

    async def _abort(self, request: Request, fields: Mapping[str, str]) -> Response:
        await run_in_threadpool(
            self._uploads.abort, fields["bucket"], fields["object"], request.query_params["uploadId"]
        )
        return Response(status_code=204)

    async def _list_parts(self, request: Request, fields: Mapping[str, str]) -> Response:
        upload_id = request.query_params["uploadId"]
        limit = _number(request, "max-parts", _MAX_LISTED_PARTS)
        marker = _number(request, "part-number-marker", 0)
        parts = await run_in_threadpool(self._uploads.parts, fields["bucket"], fields["object"], upload_id)
        rest = [part for part in parts if part.number > marker]
        page = rest[: min(limit, _MAX_LISTED_PARTS)]
        answer = {
            "Bucket": fields["bucket"], "Key": fields["object"], "UploadId": upload_id,
            "StorageClass": "STANDARD", "PartNumberMarker": str(marker),
            "NextPartNumberMarker": str(page[-1].number if page else marker),
            "MaxParts": str(limit), "IsTruncated": str(len(page) < len(rest)).lower(),
        }  # fmt: skip
        root = _element("ListPartsResult", answer, xmlns=_NAMESPACE)
        for part in page:
            shown = {
                "PartNumber": str(part.number), "LastModified": timestamp(part.updated), "ETag": part.etag,
                "Size": str(part.size),
            }  # fmt: skip
            root.append(_element("Part", shown))
        return _xml(root)


def parse_parts(body: bytes) -> list[tuple[int, str]]:
    """Parse the body that completes a multipart upload: the number and the etag of each part.

    Raises:
        InvalidArgument: it is something else, or has a document type, which could define entities.
    """
    parts: list[tuple[int, str]] = []
    path: list[str] = []
    texts: dict[str, str] = {}

    def start(name: str, _attributes: Mapping[str, str]) -> None:
        path.append(name.rpartition(" ")[2])
        if len(path) == 2:
            texts.clear()

    def text(data: str) -> None:
        if len(path) == 3:
            texts[path[-1]] = texts.get(path[-1], "") + data

    def end(_name: str) -> None:
        if path == ["CompleteMultipartUpload", "Part"]:
            parts.append((part_number(texts.get("PartNumber", "").strip()), texts.get("ETag", "").strip()))
        path.pop()

    def refuse(*_: object) -> NoReturn:
        raise InvalidArgument("The XML you provided had a document type.")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise InvalidArgument(
            f"The XML you provided was not well-formed or did not validate: {error}"
        ) from error
    if len(parts) > MAX_PARTS:
        raise InvalidArgument(f"expected at most {MAX_PARTS} parts, received {len(parts)}")
    return parts


def _metadata(headers: Mapping[str, str]) -> ObjectMetadata:
    resource = {
        "contentType": headers.get("content-type", DEFAULT_CONTENT_TYPE),
        "contentEncoding": headers.get("content-encoding"),
        "contentDisposition": headers.get("content-disposition"),
        "contentLanguage": headers.get("content-language"),
        "cacheControl": headers.get("cache-control"),
        "customTime": headers.get("x-goog-custom-time"),
        "storageClass": headers.get("x-goog-storage-class"),
        "metadata": {k.removeprefix(_META): v for k, v in headers.items() if k.startswith(_META)},
    }
    return ObjectMetadata.from_json(resource)


def _refuse_subresources(request: Request) -> None:
    named = sorted(_SUBRESOURCES.intersection(request.query_params))
    if named:
        raise Unimplemented(f"The XML API's {', '.join(named)} is not emulated.")


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidArgument(f"{name}: expected a number, received {text[:80]!r}")
    return int(text)


def _with_xml_errors(handler: Handler) -> Handler:
    async def handle(request: Request, fields: Mapping[str, str]) -> Response:
        try:
            return await handler(request, fields)
        except errors.NotModified:
            raise
        except ApiError as error:
            code = _CODES.get(type(error), type(error).__name__)
            shown = {"Code": code, "Message": error.message, "Details": error.message}
            return _xml(_element("Error", shown), status_code=error.code)

    return handle


def _element(name: str, values: Mapping[str, str], **attributes: str) -> ET.Element:
    root = ET.Element(name, attributes)
    for key, value in values.items():
        ET.SubElement(root, key).text = _xml_text(value)
    return root


def _xml_text(value: str) -> str:
    """Return a text without the characters that XML 1.0 can't hold."""
    return "".join(mark for mark in value if mark in "\t\n\r" or " " <= mark not in "\ufffe\uffff")


def _xml(root: ET.Element, *, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return Response(body, status_code=status_code, headers=headers, media_type="application/xml")
