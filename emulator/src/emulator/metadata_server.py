"""Metadata server: tells a job which project and account it belongs to, and gives it that account's tokens.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from emulator.iam.tokens import LIFETIME_SECONDS
from emulator.routing import Route

PATH = "/_emulator/metadata"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"

_FLAVOR = {"Metadata-Flavor": "Google"}
_ACCOUNTS = "instance/service-accounts/"


def metadata_variables(secret: bytes, host: str, *, project: str, account: str) -> dict[str, str]:
    """Return the environment variables by which Google's clients find the metadata server of an account.

    `GOOGLE_APPLICATION_CREDENTIALS` and `NO_GCE_CHECK` must not be set beside them.

    Args:
        secret: signs the address.
        host: the emulator's `HOST:PORT`.
        project: the project of the job.
        account: the email of the account that it acts as.
    """
    payload = base64.urlsafe_b64encode(json.dumps([project, account]).encode()).decode().rstrip("=")
    address = f"{host}{PATH}/{payload}.{_signature(secret, payload)}"
    return {"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address, "GCE_METADATA_ROOT": address}


class MetadataServer:
    """Metadata servers of all jobs and servers, each at an address that nobody else can guess.

    Args:
        secret: signs the addresses.
        token_for: issues an access token of an account.
        id_token_for: issues an OpenID Connect token of an account for an audience.
    """

    def __init__(
        self, secret: bytes, token_for: Callable[[str], str], id_token_for: Callable[[str, str], str]
    ) -> None:
        self._secret = secret
        self._token_for = token_for
        self._id_token_for = id_token_for

    @property
    def routes(self) -> list[Route]:
        """Routes of the metadata server; who may ask is in the path."""
        return [
            Route("IAM", "metadata.get", "GET", f"{PATH}/{{instance}}", self._get),
            Route("IAM", "metadata.get", "GET", f"{PATH}/{{instance}}/{{path=**}}", self._get),
        ]

    async def _get(self, request: Request, fields: Mapping[str, str]) -> Response:
        if request.headers.get("metadata-flavor") != "Google" or "x-forwarded-for" in request.headers:
            return PlainTextResponse("Missing Metadata-Flavor:Google header.\n", 403, headers=_FLAVOR)
        payload, _, signature = fields["instance"].partition(".")
        if not hmac.compare_digest(signature.encode(), _signature(self._secret, payload).encode()):
            return _not_found()
        project, account = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        path = fields.get("path", "").removeprefix("computeMetadata/v1/")
        text = {
            "": "computeMetadata/\n",
            "project/project-id": project,
            "universe/universe-domain": "googleapis.com",
            _ACCOUNTS: f"default/\n{account}/\n",
        }.get(path)
        if text is not None:
            return PlainTextResponse(text, headers=_FLAVOR)
        name, _, key = path.removeprefix(_ACCOUNTS).partition("/")
        if not path.startswith(_ACCOUNTS) or name not in ("default", account):
            return _not_found()
        query = request.query_params
        if key == "identity":
            return await self._identity(account, query.get("audience", ""))
        return await self._account(account, key, recursive=query.get("recursive") == "true")

    async def _identity(self, account: str, audience: str) -> Response:
        """Answer with an OpenID Connect token.

        https://cloud.google.com/compute/docs/instances/verifying-instance-identity
        """
        if not audience:
            return PlainTextResponse("non-empty audience parameter required\n", 400, headers=_FLAVOR)
        token = await run_in_threadpool(self._id_token_for, account, audience)
        return PlainTextResponse(token, headers=_FLAVOR)

    async def _account(self, account: str, key: str, *, recursive: bool) -> Response:
        if key == "token":
            token = await run_in_threadpool(self._token_for, account)
            content = {"access_token": token, "expires_in": LIFETIME_SECONDS - 1, "token_type": "Bearer"}
            return JSONResponse(content, headers=_FLAVOR)
        if key == "" and recursive:
            return JSONResponse(
                {"aliases": ["default"], "email": account, "scopes": [SCOPE]}, headers=_FLAVOR
            )
        text = {
            "": "aliases\nemail\nidentity\nscopes\ntoken\n",
            "aliases": "default\n",
            "email": account,
            "scopes": f"{SCOPE}\n",
        }.get(key)
        return _not_found() if text is None else PlainTextResponse(text, headers=_FLAVOR)


def _signature(secret: bytes, payload: str) -> str:
    return hmac.new(secret, f"metadata {payload}".encode(), hashlib.sha256).hexdigest()


def _not_found() -> Response:
    return PlainTextResponse("Not Found\n", 404, headers=_FLAVOR)
