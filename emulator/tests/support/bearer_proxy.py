"""Proxy that adds a service account's token to every request, for suites of tests that send none.

`python tests/support/bearer_proxy.py --emulator URL --key ROOT/keys/owner.json --port PORT`
"""

from __future__ import annotations

import argparse
from pathlib import Path

import httpx
import uvicorn
from google.auth.transport.requests import Request as TokenRequest
from google.oauth2.service_account import Credentials
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

_METHODS = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})


def create_app(emulator: str, credentials: Credentials) -> Starlette:
    """Return the proxy of an emulator.

    Args:
        emulator: its URL.
        credentials: whose tokens are added.
    """
    client = httpx.AsyncClient(base_url=emulator, timeout=None)

    async def forward(request: Request) -> StreamingResponse:
        if not credentials.valid:
            await run_in_threadpool(credentials.refresh, TokenRequest())
        # The host stays: URLs in the emulator's answers lead to the proxy.
        headers = [(k, v) for k, v in request.headers.items() if k not in _HOP_BY_HOP | {"authorization"}]
        headers.append(("authorization", f"Bearer {credentials.token}"))
        target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
        has_body = {"content-length", "transfer-encoding"} & set(request.headers)
        outgoing = client.build_request(
            request.method, httpx.URL(emulator).copy_with(raw_path=target), headers=headers,
            content=request.stream() if has_body else None,
        )  # fmt: skip
        answer = await client.send(outgoing, stream=True)
        response = StreamingResponse(answer.aiter_raw(), status_code=answer.status_code)
        response.raw_headers = [
            (k, v) for k, v in answer.headers.raw if k.lower().decode() not in _HOP_BY_HOP
        ]
        return response

    return Starlette(routes=[Route("/{path:path}", forward, methods=_METHODS)])


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emulator", required=True, help="URL of the emulator")
    parser.add_argument("--key", required=True, type=Path, help="key file of the service account")
    parser.add_argument("--port", required=True, type=int, help="TCP port on 127.0.0.1")
    arguments = parser.parse_args()
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = Credentials.from_service_account_file(str(arguments.key), scopes=scopes)
    uvicorn.run(create_app(arguments.emulator, credentials), port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
