"""Signed URLs of Cloud Storage: their signature stands in for a token.

V4: https://cloud.google.com/storage/docs/authentication/canonical-requests
V2: https://cloud.google.com/storage/docs/access-control/signed-urls-v2
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import time
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from google.auth import crypt
from starlette.requests import Request

from emulator.errors import InvalidArgument, PermissionDenied, Unauthenticated
from emulator.iam.accounts import Account, Accounts

LONGEST_SECONDS = 7 * 24 * 3600
"""https://cloud.google.com/storage/docs/access-control/signed-urls#should-you-use"""

_V4 = "X-Goog-Signature"
_V2 = "Signature"
_ALGORITHM = "GOOG4-RSA-SHA256"
_SIGNED_RESOURCES = (
    "response-content-disposition",
    "response-content-type",
    "generation",
    "uploads",
    "partNumber",
)


def is_signed(request: Request) -> bool:
    """Return True if a request's URL carries a signature."""
    return _V4 in request.query_params or (
        _V2 in request.query_params and "GoogleAccessId" in request.query_params
    )


def verified_signer(request: Request, accounts: Accounts) -> Account:
    """Return the account that signed a URL; the request may do what that account may do.

    Raises:
        InvalidArgument: a field of the signature is missing, malformed or over.
        PermissionDenied: the signature is another one.
    """
    query = request.query_params
    try:
        if _V4 in query:
            email, signature, content = _v4(request)
        else:
            email, signature, content = query["GoogleAccessId"], base64.b64decode(query[_V2]), _v2(request)
    except (KeyError, ValueError, binascii.Error) as error:
        raise InvalidArgument(f"Signed URL: expected all fields of a signature: {error}") from error
    try:
        key = accounts.public_key(email)
    except Unauthenticated as error:
        raise PermissionDenied(error.message, reason="SignatureDoesNotMatch") from error
    if not crypt.RSAVerifier.from_string(key).verify(content, signature):
        raise PermissionDenied(
            "Access denied. The request signature we calculated does not match the signature you provided. "
            "Check your Google secret key and signing method.",
            reason="SignatureDoesNotMatch",
        )
    return accounts.get(email)


def _v4(request: Request) -> tuple[str, bytes, bytes]:
    """Return the signer, the signature, and the string that was signed."""
    query = request.query_params
    if query["X-Goog-Algorithm"] != _ALGORITHM:
        raise ValueError(f"X-Goog-Algorithm: expected {_ALGORITHM}, received {query['X-Goog-Algorithm']}")
    email, _, scope = query["X-Goog-Credential"].partition("/")
    signed_at = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    seconds = int(query["X-Goog-Expires"])
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(f"X-Goog-Expires: expected 1 to {LONGEST_SECONDS}, received {seconds}")
    if time.time() > signed_at + seconds:
        raise ValueError("X-Goog-Expires: the URL has expired")
    pairs = [pair for pair in request.url.query.split("&") if not pair.startswith(f"{_V4}=")]
    names = query["X-Goog-SignedHeaders"].split(";")
    headers = "".join(f"{name}:{_header(request, name)}\n" for name in names)
    payload = request.headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD")
    parameters = "&".join(sorted(map(_encoded, pairs)))
    canonical = "\n".join([request.method, _path(request), parameters, headers, ";".join(names), payload])
    content = "\n".join(
        [_ALGORITHM, query["X-Goog-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    return email, bytes.fromhex(query[_V4]), content.encode()


def _v2(request: Request) -> bytes:
    """Return the string that was signed."""
    expires = int(request.query_params["Expires"])
    if time.time() > expires:
        raise ValueError("Expires: the URL has expired")
    extensions = sorted({name for name in request.headers if name.startswith("x-goog-")})
    lines = [
        request.method,
        request.headers.get("content-md5", ""),
        request.headers.get("content-type", ""),
        str(expires),
        *(f"{name}:{_header(request, name)}" for name in extensions),
    ]
    kept = sorted(
        pair for pair in request.url.query.split("&") if pair.partition("=")[0] in _SIGNED_RESOURCES
    )
    resource = _path(request) + (f"?{'&'.join(map(unquote, kept))}" if kept else "")
    return "\n".join([*lines, resource]).encode()


def _path(request: Request) -> str:
    path: str = request.scope["raw_path"].decode("ascii")
    return path


def _header(request: Request, name: str) -> str:
    return ",".join(re.sub(r"\s+", " ", value.strip()) for value in request.headers.getlist(name))


def _encoded(pair: str) -> str:
    """Return a query parameter in the one spelling that signatures are made of."""
    name, _, value = pair.partition("=")
    return f"{quote(unquote(name), safe='~')}={quote(unquote(value), safe='~')}"
