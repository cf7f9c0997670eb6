"""Handlers of objects' content: downloads, whole and in ranges.

https://cloud.google.com/storage/docs/json_api/v1/objects/get, and .../transcoding for what happens to gzip
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from emulator.routing import Route
from emulator.storage.errors import UnsatisfiableRangeError
from emulator.storage.metadata import DEFAULT_CONTENT_TYPE, StoredObject
from emulator.storage.store import ObjectStore
from emulator.storage.wire import conditions

_BLOCK_BYTES = 512 << 10
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_NAME_MARKS = "!#$&'*+-.^_`|~"
_CONTROL = dict.fromkeys([*range(32), 127], " ")


@dataclass(frozen=True)
class ByteRange:
    """Range of `length` bytes from `first` on, counted from 0."""

    first: int
    length: int


class MediaHandlers:
    """Handlers of downloads."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @property
    def routes(self) -> list[Route]:
        """Route of `mediaLink`; the same method as `storage.objects.get` with `alt=media`."""
        template = "/download/storage/v1/b/{bucket}/o/{object}"
        return [Route("storage", "storage.objects.get", "GET", template, self.get)]

    async def get(self, request: Request, fields: Mapping[str, str]) -> Response:
        """Return the requested content, or its headers alone for HEAD."""
        asked = conditions(request)
        found, file = await run_in_threadpool(
            self._store.open, fields["bucket"], fields["object"], asked.generation
        )
        try:
            asked.check_read(found)
            headers = _headers(found)
            if _must_unzip(found, request):
                # The service's own words: https://cloud.google.com/storage/docs/transcoding
                headers["Warning"] = "214 UploadServer gunzipped"
                content, status = _unzipped(file), 200
            else:
                wanted = parse_range(request.headers.get("range", ""), found.size)
                if found.metadata.content_encoding:
                    headers["Content-Encoding"] = found.metadata.content_encoding
                headers["Content-Length"] = str(wanted.length if wanted else found.size)
                if wanted is not None:
                    last = wanted.first + wanted.length - 1
                    headers["Content-Range"] = f"bytes {wanted.first}-{last}/{found.size}"
                content, status = _blocks(file, wanted or ByteRange(0, found.size)), 206 if wanted else 200
        except BaseException:
            file.close()
            raise
        if request.method == "HEAD":
            file.close()
            return Response(status_code=status, headers=headers)
        return StreamingResponse(content, status_code=status, headers=headers)


def parse_range(text: str, size: int) -> ByteRange | None:
    """Parse a Range header; `None` is the whole content, also for several ranges.

    Raises:
        UnsatisfiableRangeError: it begins behind the end.
    """
    found = _RANGE.fullmatch(text.replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < begin:
            return None
    if begin >= size:
        raise UnsatisfiableRangeError(text, size=size)
    return ByteRange(begin, end - begin)


def _headers(found: StoredObject) -> dict[str, str]:
    hashes = [f"crc32c={found.crc32c}", *([f"md5={found.md5}"] if found.md5 else [])]
    # A browser that is led here neither shows an object as a page of the API's origin nor runs it.
    never_a_page = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
    optional = {
        "Cache-Control": found.metadata.cache_control,
        "Content-Disposition": found.metadata.content_disposition or "attachment",
        "Content-Language": found.metadata.content_language,
    }
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": _header_text(found.metadata.content_type or DEFAULT_CONTENT_TYPE),
        "ETag": found.etag,
        "Last-Modified": formatdate(found.created / 1e6, usegmt=True),
        "X-Goog-Generation": str(found.generation),
        "X-Goog-Metageneration": str(found.metageneration),
        "X-Goog-Hash": ",".join(hashes),
        "X-Goog-Storage-Class": found.metadata.storage_class or "STANDARD",
        "X-Goog-Stored-Content-Encoding": found.metadata.content_encoding or "identity",
        "X-Goog-Stored-Content-Length": str(found.size),
        **never_a_page,
        **{
            f"X-Goog-Meta-{quote(key, safe=_NAME_MARKS)}": _header_text(value)
            for key, value in found.metadata.custom.items()
        },
        **{name: _header_text(value) for name, value in optional.items() if value},
    }


def _must_unzip(found: StoredObject, request: Request) -> bool:
    return (
        found.metadata.content_encoding == "gzip"
        and "gzip" not in request.headers.get("accept-encoding", "")
        and "no-transform" not in (found.metadata.cache_control or "")
    )


def _blocks(file: BinaryIO, wanted: ByteRange) -> Iterator[bytes]:
    with file:
        file.seek(wanted.first)
        left = wanted.length
        while left and (block := file.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            yield block


def _unzipped(file: BinaryIO) -> Iterator[bytes]:
    unzip = zlib.decompressobj(_GZIP_WINDOW)
    with file:
        while block := file.read(_BLOCK_BYTES):
            yield unzip.decompress(block)
    yield unzip.flush()


def _header_text(value: str) -> str:
    """Return a metadata value as a header's: UTF-8, which the server writes byte by byte, in one line."""
    return " ".join(value.splitlines()).translate(_CONTROL).strip().encode().decode("latin-1")
