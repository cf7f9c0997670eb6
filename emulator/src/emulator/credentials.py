"""A made-up service account whose tokens this emulator hands out.

Beam's GcsIO and Google's other clients insist on credentials even against an emulator; with a key file
they neither look for a metadata server nor reach the network, and they can sign URLs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator.config import Config
from emulator.routing import Route

_ACCOUNT = "emulator@perennial-local.iam.gserviceaccount.com"


def write_credentials(config: Config) -> None:
    """Write the key file, with a fresh key the first time and this emulator's address always."""
    document = _read(config) or {
        "type": "service_account",
        "project_id": "perennial-local",
        "private_key_id": "local",
        "private_key": _new_private_key(),
        "client_email": _ACCOUNT,
        "client_id": "0",
    }
    document["token_uri"] = f"{config.url}/token"
    temporary = config.credentials.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(document, indent=2))
    temporary.replace(config.credentials)


def routes() -> list[Route]:
    """The token endpoint of the key file: it trusts everybody, as the whole emulator does."""
    return [Route("emulator", "oauth2.token", "POST", "/token", _token)]


async def _token(_request: Request, _fields: Mapping[str, str]) -> Response:
    return JSONResponse({"access_token": "local", "token_type": "Bearer", "expires_in": 3600})


def _read(config: Config) -> dict[str, str] | None:
    if not config.credentials.exists():
        return None
    document: dict[str, str] = json.loads(config.credentials.read_text())
    return document


def _new_private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
