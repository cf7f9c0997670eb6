"""Token service: access tokens for keys and impersonation, and what is signed in an account's name.

The routes are those of https://oauth2.googleapis.com/token and of the IAM Service Account Credentials API:
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from google.auth import crypt, jwt
from google.auth.exceptions import GoogleAuthError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator import iam
from emulator.errors import InvalidArgument, Unauthenticated
from emulator.iam.accounts import Accounts
from emulator.json_bodies import read_body, read_json
from emulator.routing import Route

LIFETIME_SECONDS = 3600
CLOCK_SKEW_SECONDS = 10

_PREFIX = "ya29."
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  (the audience of every assertion)
_GOOGLE_API = re.compile(r"https://[a-z0-9.-]*googleapis\.com/?.*")
_ACCOUNT = "/v1/projects/{project}/serviceAccounts/{account}"
_MOST_REMEMBERED = 4096


class Tokens:
    """Issuer and verifier of access tokens; they stay valid across restarts.

    A token is `ya29.PAYLOAD.SIGNATURE`: the account and the time of its end, and their HMAC-SHA256.

    Args:
        secret_file: keeps the secret of the signatures; made if it isn't there.
    """

    def __init__(self, secret_file: Path) -> None:
        if not secret_file.exists():
            temporary = secret_file.with_suffix(".new")
            temporary.touch(mode=0o600)
            temporary.write_bytes(secrets.token_bytes(32))
            temporary.replace(secret_file)
        self.secret = secret_file.read_bytes()
        self._signed: dict[str, tuple[str, float]] = {}

    def issue(self, email: str, *, seconds: int = LIFETIME_SECONDS) -> str:
        """Return a new access token of an account."""
        content = json.dumps([email, int(time.time()) + seconds, secrets.token_hex(8)]).encode()
        payload = base64.urlsafe_b64encode(content).decode().rstrip("=")
        return f"{_PREFIX}{payload}.{self._signature(payload)}"

    def verify(self, token: str, accounts: Accounts) -> str:
        """Return the email of the account that a bearer token stands for.

        A service account may also sign a token itself: https://google.aip.dev/auth/4111

        Raises:
            Unauthenticated: the token is none of ours, or its time is over.
        """
        email, expiry = (
            self._issued(token) if token.startswith(_PREFIX) else self._self_signed(token, accounts)
        )
        if expiry + CLOCK_SKEW_SECONDS < time.time():
            raise _invalid("it has expired")
        return email

    def is_remembered(self, token: str) -> bool:
        """Return True if `verify` takes no time: no signature of a service account has to be verified."""
        return token.startswith(_PREFIX) or token in self._signed

    def _issued(self, token: str) -> tuple[str, float]:
        payload, _, signature = token.removeprefix(_PREFIX).partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(payload).encode()):
            raise _invalid("it was not issued here")
        email, expiry, _ = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return email, expiry

    def _self_signed(self, token: str, accounts: Accounts) -> tuple[str, float]:
        remembered = self._signed.get(token)  # another thread may clear them
        if remembered is not None:
            return remembered
        claims = _verified_claims(token, accounts)
        audience = claims.get("aud", "")
        if not (claims.get("scope") or _GOOGLE_API.fullmatch(str(audience))):
            raise _invalid(f"expected a scope or a Google API as its audience, received {audience!r}")
        if len(self._signed) >= _MOST_REMEMBERED:
            self._signed.clear()
        self._signed[token] = verified = (claims["iss"], float(claims["exp"]))
        return verified

    def _signature(self, payload: str) -> str:
        return hmac.new(self.secret, payload.encode(), hashlib.sha256).hexdigest()


class TokenService:
    """Handlers of the token service.

    Args:
        accounts: may have tokens.
        tokens: issues them.
    """

    def __init__(self, accounts: Accounts, tokens: Tokens) -> None:
        self._accounts = accounts
        self._tokens = tokens

    @property
    def routes(self) -> list[Route]:
        """Routes of the token service."""
        own = "IAM"
        return [
            Route(own, "oauth2.token", "POST", "/token", self._grant),
            *(
                Route(own, f"iamcredentials.{name}", "POST", f"{_ACCOUNT}:{name}", handler)
                for name, handler in (
                    ("generateAccessToken", self._generate_access_token),
                    ("generateIdToken", self._generate_id_token),
                    ("signBlob", self._sign_blob),
                )
            ),
        ]

    async def _grant(self, request: Request, _fields: Mapping[str, str]) -> Response:
        """Exchange a signed assertion for an access token.

        https://www.rfc-editor.org/rfc/rfc7523
        """
        body = (await read_body(request)).decode("latin-1")
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if form.get("grant_type") != _GRANT:
            return _refusal("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
        try:
            claims = _verified_claims(form.get("assertion", ""), self._accounts)
        except Unauthenticated as error:
            return _refusal("invalid_grant", error.message)
        if claims.get("aud") not in (_GOOGLE_TOKEN_URI, self._accounts.key(claims["iss"])["token_uri"]):
            return _refusal("invalid_grant", f"Invalid JWT: Failed audience check: {claims.get('aud')!r}")
        if "target_audience" in claims:
            return JSONResponse({"id_token": self.id_token(claims["iss"], claims["target_audience"])})
        return JSONResponse(
            {
                "access_token": self._tokens.issue(claims["iss"]),
                "token_type": "Bearer",
                "expires_in": LIFETIME_SECONDS - 1,
            }
        )

    async def _generate_access_token(self, request: Request, fields: Mapping[str, str]) -> Response:
        body = await read_json(request)
        email = self._target(fields, "iam.serviceAccounts.getAccessToken")
        text = body.get("lifetime", f"{LIFETIME_SECONDS}s")
        seconds = re.fullmatch(r"(\d{1,6})(?:\.\d+)?s", str(text))
        if seconds is None or not 1 <= int(seconds[1]) <= LIFETIME_SECONDS:
            raise InvalidArgument(f"lifetime: expected 1s to {LIFETIME_SECONDS}s, received {text!r}")
        if not body.get("scope"):
            raise InvalidArgument("scope: expected at least one, received none")
        expiry = datetime.fromtimestamp(int(time.time()) + int(seconds[1]), tz=UTC)
        return JSONResponse(
            {
                "accessToken": self._tokens.issue(email, seconds=int(seconds[1])),
                "expireTime": expiry.isoformat().replace("+00:00", "Z"),
            }
        )

    async def _generate_id_token(self, request: Request, fields: Mapping[str, str]) -> Response:
        body = await read_json(request)
        email = self._target(fields, "iam.serviceAccounts.getOpenIdToken")
        if not isinstance(body.get("audience"), str):
            raise InvalidArgument(f"audience: expected a text, received {body.get('audience')!r}")
        return JSONResponse({"token": self.id_token(email, body["audience"])})

    async def _sign_blob(self, request: Request, fields: Mapping[str, str]) -> Response:
        body = await read_json(request)
        email = self._target(fields, "iam.serviceAccounts.signBlob")
        try:
            payload = base64.b64decode(body.get("payload", ""), validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise InvalidArgument("payload: expected bytes in base64") from error
        signer = crypt.RSASigner.from_service_account_info(self._accounts.key(email))
        signed = base64.b64encode(signer.sign(payload)).decode()
        return JSONResponse({"keyId": signer.key_id, "signedBlob": signed})

    def _target(self, fields: Mapping[str, str], permission: str) -> str:
        email = fields["account"]
        iam.require(permission, email)
        return self._accounts.get(email).email

    def id_token(self, email: str, audience: str) -> str:
        """Return an OpenID Connect token of an account, which its own key signs."""
        signer = crypt.RSASigner.from_service_account_info(self._accounts.key(email))
        now = int(time.time())
        claims = {"iss": "https://accounts.google.com", "sub": email, "email": email, "email_verified": True}
        content = claims | {"aud": audience, "iat": now, "exp": now + LIFETIME_SECONDS}
        encoded: bytes = jwt.encode(signer, content)
        return encoded.decode()


def _verified_claims(token: str, accounts: Accounts) -> dict[str, Any]:
    """Return the claims of a token that a service account signed.

    Raises:
        Unauthenticated: it isn't well formed, is signed by another key, or its time is over.
    """
    try:
        issuer = jwt.decode(token, verify=False).get("iss", "")
        claims: dict[str, Any] = jwt.decode(
            token, certs=accounts.public_key(str(issuer)), clock_skew_in_seconds=CLOCK_SKEW_SECONDS
        )
    except (GoogleAuthError, ValueError, AttributeError) as error:
        raise _invalid(str(error)) from error
    return claims


def _invalid(reason: str) -> Unauthenticated:
    return Unauthenticated(
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
        f"other valid authentication credential. ({reason})",
        reason="authError",
    )


def _refusal(error: str, description: str) -> Response:
    """Return an error of the token endpoint.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.2
    """
    return JSONResponse({"error": error, "error_description": description}, status_code=400)
