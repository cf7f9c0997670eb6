"""Handlers of the XML API, as far as signed URLs need it.

https://cloud.google.com/storage/docs/xml-api/reference-methods
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from emulator.errors import Unimplemented
from emulator.routing import Route
from emulator.storage.media import MediaHandlers
from emulator.storage.metadata import DEFAULT_CONTENT_TYPE, ObjectMetadata
from emulator.storage.receiving import receive_object
from emulator.storage.requests import announced_digests, conditions, refuse_encryption
from emulator.storage.store import ObjectStore

_OBJECT = "/{bucket}/{object=**}"
_META = "x-goog-meta-"
_SUBRESOURCES = frozenset({"acl", "compose", "uploads", "uploadId", "partNumber", "tagging", "retention"})


class XmlHandlers:
    """Answers what a signed URL may ask for."""

    def __init__(self, store: ObjectStore, media: MediaHandlers) -> None:
        self._store = store
        self._media = media

    @property
    def routes(self) -> list[Route]:
        """The methods on objects; their template fits nearly every path, so that they come last."""
        return [
            Route("storage", "storage.xml.getObject", "GET", _OBJECT, self._get),
            Route("storage", "storage.xml.headObject", "HEAD", _OBJECT, self._get),
            Route("storage", "storage.xml.putObject", "PUT", _OBJECT, self._put),
            Route("storage", "storage.xml.deleteObject", "DELETE", _OBJECT, self._delete),
            Route("storage", "storage.xml.postObject", "POST", _OBJECT, None),
            Route("storage", "storage.xml.listObjects", "GET", "/{bucket}", None),
        ]

    async def _get(self, request: Request, fields: Mapping[str, str]) -> Response:
        _refuse_subresources(request)
        return await self._media.get(request, fields)

    async def _put(self, request: Request, fields: Mapping[str, str]) -> Response:
        _refuse_subresources(request)
        refuse_encryption(request)
        if "x-goog-copy-source" in request.headers:
            raise Unimplemented("Copies by the XML API are not emulated.")
        headers = request.headers
        resource = {
            "contentType": headers.get("content-type", DEFAULT_CONTENT_TYPE),
            "contentEncoding": headers.get("content-encoding"),
            "contentDisposition": headers.get("content-disposition"),
            "contentLanguage": headers.get("content-language"),
            "cacheControl": headers.get("cache-control"),
            "metadata": {k.removeprefix(_META): v for k, v in headers.items() if k.startswith(_META)},
        }
        found = await receive_object(
            self._store, request.stream(), fields["bucket"], fields["object"],
            metadata=ObjectMetadata.from_json(resource),
            announced=announced_digests(headers), conditions=conditions(request),
        )  # fmt: skip
        return Response(headers={"ETag": found.etag, "X-Goog-Generation": str(found.generation)})

    async def _delete(self, request: Request, fields: Mapping[str, str]) -> Response:
        _refuse_subresources(request)
        await run_in_threadpool(self._store.delete, fields["bucket"], fields["object"], conditions(request))
        return Response(status_code=204)


def _refuse_subresources(request: Request) -> None:
    named = sorted(_SUBRESOURCES.intersection(request.query_params))
    if named:
        raise Unimplemented(f"The XML API's {', '.join(named)} is not emulated.")
