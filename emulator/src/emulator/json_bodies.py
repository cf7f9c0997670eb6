"""Bodies of requests: read whole within a limit, inflated within it too, and parsed as JSON.

What Google's parsers refuse is refused here with the same status: a larger body, deeper nesting, a name
that stands twice in an object, NaN and numbers out of range, and half of a surrogate pair.
https://protobuf.dev/programming-guides/json/ and, for the depth, https://protobuf.dev/programming-guides/proto-limits/
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from google.protobuf import json_format
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from emulator.errors import ApiError, InvalidArgument

MAX_BODY_BYTES = 10 << 20
"""https://cloud.google.com/dataflow/quotas#limits, and the answer of Google's front ends to larger ones."""

MAX_DEPTH = 100
UNPARSABLE = (json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError)
"""What protobuf's parser raises for values of other types than a message has."""

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_QUICK_BYTES = 32 << 10
_PIECE_BYTES = 1 << 20
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_JSON_TYPE = re.compile(r"application/([\w.-]+\+)?json")


async def read_body(request: Request, *, limit: int = MAX_BODY_BYTES, inflate: bool = True) -> bytes:
    """Read the body of a request; one that is gzip-encoded on its way is inflated.

    Args:
        request: the request.
        limit: bytes at most.
        inflate: whether a Content-Encoding header is about the body; in the XML API it is an object's.

    Raises:
        InvalidArgument: it has more bytes than the limit, on its way or inflated, or it isn't gzip.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large(limit)
    body = bytearray()
    async for data in request.stream():
        body += data
        if len(body) > limit:
            raise too_large(limit)
    if inflate and request.headers.get("content-encoding", "").lower() == "gzip":
        return await run_in_threadpool(_inflated, bytes(body), limit)
    return bytes(body)


async def read_json(request: Request, *, limit: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """Read the JSON object in the body of a request; empty without a body.

    Raises:
        InvalidArgument: the body is something else, or is announced as something else.
    """
    body = await read_body(request, limit=limit)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and content_type and not _JSON_TYPE.fullmatch(content_type):
        raise InvalidArgument(f"Content-Type: expected application/json, received {content_type!r}")
    return await parse_outside_loop(body)


async def parse_outside_loop(body: bytes) -> dict[str, Any]:
    """Parse a JSON object, a large one in a thread.

    Raises:
        InvalidArgument: it is none.
    """
    if len(body) <= _QUICK_BYTES:
        return parse_object(body)
    return await run_in_threadpool(parse_object, body)


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse a JSON object; an empty text is an empty object.

    Raises:
        InvalidArgument: the text is something else.
    """
    value = parse_json(text) if text.strip() else {}
    if not isinstance(value, dict):
        raise _unparsable(f"expected an object, received {type(value).__name__}")
    return value


def parse_json(text: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises:
        InvalidArgument: it is none, or holds what Google's services refuse.
    """
    try:
        value = json.loads(
            text.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise _unparsable(str(error)) from error
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    if _HALF_PAIR.search(text):
        _check_text(value)
    return value


async def inflated_stream(request: Request) -> AsyncIterator[bytes]:
    """Yield the bytes of a body in pieces of a bounded size, inflated if it is gzip-encoded on its way.

    https://cloud.google.com/storage/docs/transcoding#gzip-gzip

    Raises:
        InvalidArgument: it is announced as gzip and isn't.
    """
    if request.headers.get("content-encoding", "").lower() != "gzip":
        async for data in request.stream():
            yield data
        return
    unzip = zlib.decompressobj(_GZIP_WINDOW)
    async for received in request.stream():
        waiting = received
        while waiting and not unzip.eof:
            try:
                content = await run_in_threadpool(unzip.decompress, waiting, _PIECE_BYTES)
            except zlib.error as error:
                raise InvalidArgument(f"Content-Encoding: expected a body in gzip: {error}") from error
            yield content
            waiting = unzip.unconsumed_tail
    if not unzip.eof:
        raise InvalidArgument("Content-Encoding: expected a whole body in gzip, received a part")


def too_large(limit: int) -> ApiError:
    """Return the refusal of a body."""
    return InvalidArgument(f"Request payload size exceeds the limit: {limit} bytes.", reason="uploadTooLarge")


def _unparsable(reason: str) -> InvalidArgument:
    return InvalidArgument(f"Invalid JSON payload received. {reason}", reason="parseError")


def _too_deep() -> InvalidArgument:
    return _unparsable(f"Nesting: expected at most {MAX_DEPTH} levels")


def _inflated(body: bytes, limit: int) -> bytes:
    unzip = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = unzip.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidArgument(f"Content-Encoding: expected a body in gzip: {error}") from error
    if len(content) > limit:
        raise too_large(limit)
    if not unzip.eof:
        raise InvalidArgument("Content-Encoding: expected a whole body in gzip, received a part")
    return content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"Duplicate name {twice[:80]!r}")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"Expected a number, received {name}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"Number out of range: {text[:80]}")
    return number


def _check_depth(value: Any) -> None:
    layer = [value]
    for _ in range(MAX_DEPTH):
        layer = [inner for outer in layer for inner in _inner(outer)]
        if not layer:
            return
    raise _too_deep()


def _inner(value: Any) -> Iterator[Any]:
    """Yield the objects and lists in an object or list."""
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield inner


def _check_text(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _unparsable("Expected Unicode text, received half of a surrogate pair") from error
