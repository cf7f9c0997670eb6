"""Handler of batch requests: up to 100 requests in one, each answered by its own route.

https://cloud.google.com/storage/docs/batch. Beam sends its batches without Content-ID, others with.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from email.parser import BytesParser
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message as AsgiMessage

from emulator.dispatch import Dispatcher, error_response
from emulator.errors import InvalidArgument
from emulator.json_bodies import read_body
from emulator.routing import Route
from emulator.storage.uploads import boundary_of

MAX_CALLS = 100
_BOUNDARY = "batch_of_answers"


class BatchHandlers:
    """Handlers of batch requests."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Make the handlers.

        Args:
            dispatcher: answers the requests in a batch.
        """
        self._dispatcher = dispatcher

    @property
    def routes(self) -> list[Route]:
        """Routes of the paths that clients send batches to."""
        return [
            Route("storage", "storage.batch", "POST", path, self._post)
            for path in ("/batch/storage/v1", "/batch")
        ]

    async def _post(self, request: Request, _fields: Mapping[str, str]) -> Response:
        boundary_of(request.headers.get("content-type", ""))
        head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode("latin-1")
        message = await run_in_threadpool(BytesParser().parsebytes, head + await read_body(request))
        parts = message.get_payload()
        if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_CALLS:
            raise InvalidArgument(f"Batch: expected 1 to {MAX_CALLS} requests")
        body = b"".join([await self._answer(request, part) for part in parts if isinstance(part, Message)])
        media_type = f"multipart/mixed; boundary={_BOUNDARY}"
        return Response(body + f"--{_BOUNDARY}--\r\n".encode(), media_type=media_type)

    async def _answer(self, outer: Request, part: Message) -> bytes:
        try:
            response = await self._dispatcher.answer(_inner_request(outer, part))
        except InvalidArgument as error:
            response = error_response(error)
        lines = [f"--{_BOUNDARY}", "Content-Type: application/http"]
        if part["Content-ID"]:
            lines.append(f"Content-ID: <response-{part['Content-ID'].strip('<>')}>")
        lines += ["", f"HTTP/1.1 {response.status_code} {_phrase(response.status_code)}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + bytes(response.body) + b"\r\n"


def _inner_request(outer: Request, part: Message) -> Request:
    text = part.get_payload(decode=True)
    request_line, _, rest = (text if isinstance(text, bytes) else b"").lstrip().partition(b"\n")
    words = request_line.decode("latin-1").split()
    if len(words) < 2 or not words[1].isascii():
        raise InvalidArgument(f"Batch: expected a request line, received {request_line[:80]!r}")
    message = BytesParser().parsebytes(rest)
    body = message.get_payload(decode=True)
    target = urlsplit(words[1])
    # A request without credentials of its own has those of the batch.
    inherited = {b"host"} | ({b"authorization"} if "authorization" not in message else set())
    outer_headers = [(name, value) for name, value in outer.scope["headers"] if name in inherited]
    scope = {
        **outer.scope,
        "method": words[0],
        "path": target.path,
        "raw_path": target.path.encode("ascii"),
        "query_string": target.query.encode("ascii"),
        "headers": outer_headers
        + [
            (k.lower().encode("latin-1", "replace"), str(v).encode("latin-1", "replace"))
            for k, v in message.items()
            if k.lower() != "host"
        ],
        "state": {},
    }

    async def receive() -> AsgiMessage:
        return {"type": "http.request", "body": body if isinstance(body, bytes) else b"", "more_body": False}

    return Request(scope, receive)


def _phrase(status_code: int) -> str:
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return "Unknown"
