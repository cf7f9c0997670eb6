"""Reads `multipart/related` uploads: a JSON object, then content of any size.

https://cloud.google.com/storage/docs/uploading-objects#rest-upload-objects. The parsers of form data insist
on CRLF; the clients built on apitools (`gcloud storage` is one) end lines with LF.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from emulator.errors import InvalidArgument

_MAX_HEAD_BYTES = 1 << 20
_MAX_EPILOGUE_BYTES = 64


@dataclass(frozen=True)
class RelatedUpload:
    """The parts of an upload.

    Attributes:
        resource: the first part: JSON.
        content_type: of the content; empty where it isn't said.
        content: the second part's bytes.
    """

    resource: bytes
    content_type: str
    content: AsyncIterator[bytes]


def boundary_of(content_type: str) -> bytes:
    """The boundary that a Content-Type header names.

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
        boundary: what separates the parts.

    Raises:
        InvalidArgument: the body is no such upload.
    """
    mark = b"--" + re.escape(boundary) + rb"[ \t]*"
    headers = rb"((?:[^\r\n]+\r?\n)*)\r?\n"
    head = re.compile(
        rb"\s*" + mark + rb"(\r?\n)" + headers + rb"(.*?)\r?\n" + mark + rb"\r?\n" + headers, re.DOTALL
    )
    buffer = b""
    while (found := head.match(buffer)) is None:
        data = await anext(body, None)
        if data is None or len(buffer) > _MAX_HEAD_BYTES:
            raise InvalidArgument("Multipart upload: expected a JSON part and a content part")
        buffer += data
    newline, _, resource, content_headers = found.groups()
    content_type = str(BytesHeaderParser().parsebytes(content_headers).get("Content-Type", ""))
    rest = buffer[found.end() :]
    return RelatedUpload(resource, content_type, _content(rest, body, newline + b"--" + boundary + b"--"))


async def _content(begin: bytes, body: AsyncIterator[bytes], end: bytes) -> AsyncIterator[bytes]:
    """The bytes before the end mark, which may be among the content too: only the last one counts."""
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
