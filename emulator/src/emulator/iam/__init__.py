"""Identity and access management: who sends a request, and may they.

Every request carries a bearer token that the emulator issued, a token that a service account signed itself,
or a signature in its URL; an account may call a method if its roles hold the method's permissions.
https://cloud.google.com/iam/docs/overview
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from emulator import errors
from emulator.iam.accounts import ACT_AS, Account, Accounts
from emulator.iam.audit import AuditLog
from emulator.iam.permissions import OPEN, missing_permission_error, required_permissions
from emulator.iam.signed_urls import is_signed, verified_signer
from emulator.iam.tokens import Tokens
from emulator.routing import Match

_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)
_SESSION_METHODS = frozenset({"PUT", "DELETE"})


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Account whose request is being handled.

    Attributes:
        account: the account.
        accounts: all accounts.
        method: the API method's full name.
        audit: gets an entry for each permission that is asked for.
    """

    account: Account
    accounts: Accounts
    method: str
    audit: AuditLog


def require(permission: str, resource: str) -> None:
    """Require a permission of the account whose request is being handled; the emulator's own work needs none.

    Args:
        permission: its name, `storage.objects.delete` for instance.
        resource: the resource's name or path.

    Raises:
        PermissionDenied: the account lacks it.
    """
    caller = _caller.get()
    if caller is None:
        return
    email, granted = caller.account.email, caller.account.holds(permission, resource)
    caller.audit.add(email, permission, resource=resource, method=caller.method, granted=granted)
    if not granted:
        raise missing_permission_error(email, permission, resource)


def held_permissions(permissions: Iterable[str], resource: str) -> list[str]:
    """Return those permissions that the account whose request is being handled holds."""
    caller = _caller.get()
    return [name for name in permissions if caller is None or caller.account.holds(name, resource)]


def is_known_account(email: str) -> bool:
    """Return True if there is such a service account; without a caller there is every one."""
    caller = _caller.get()
    return caller is None or email in caller.accounts


def require_act_as(email: str) -> None:
    """Require the right to start a job or server that acts as an account.

    Args:
        email: the account; empty for the one of work that names none.

    Raises:
        PermissionDenied: the caller may not, or there is no such account.
    """
    caller = _caller.get()
    if caller is None or not email:
        return
    require(ACT_AS, email)
    if email not in caller.accounts:
        raise missing_permission_error(caller.account.email, ACT_AS, email)


class AccessControl:
    """Authentication and authorization of requests, with a log of both.

    Args:
        accounts: the service accounts and what each may do.
        tokens: issues and verifies tokens.
        audit: gets an entry for each request.
    """

    def __init__(self, accounts: Accounts, tokens: Tokens, audit: AuditLog) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._audit = audit

    async def admit(self, request: Request, match: Match) -> None:
        """Admit a request that the route table knows; handlers find its account by `require`.

        Raises:
            Unauthenticated: it carries no valid credentials.
            PermissionDenied: its account lacks a permission of the method.
        """
        method = match.route.api_method
        if method in OPEN or _is_session(request, method):
            _caller.set(None)
            return
        if not is_signed(request) and self._tokens.is_remembered(_bearer_token(request)):
            account = self._authenticate(request)
        else:
            account = await run_in_threadpool(self._authenticate, request)
        _caller.set(Caller(account=account, accounts=self._accounts, method=method, audit=self._audit))
        for permission in required_permissions(method):
            require(permission, request.url.path)

    def _authenticate(self, request: Request) -> Account:
        """Return the account of a request.

        Raises:
            Unauthenticated: it carries no valid credentials.
        """
        if is_signed(request):
            return verified_signer(request, self._accounts)
        token = _bearer_token(request)
        if not token:
            raise errors.Unauthenticated(
                "Request is missing required authentication credential. Expected OAuth 2 access token, login "
                "cookie or other valid authentication credential. "
                "See https://developers.google.com/identity/sign-in/web/devconsole-project.",
                reason="required",
            )
        return self._accounts.get(self._tokens.verify(token, self._accounts))


def _is_session(request: Request, method: str) -> bool:
    """Return True for a request to a resumable upload's session URI, which is a credential by itself.

    https://cloud.google.com/storage/docs/resumable-uploads#session-uris
    """
    return (
        method == "storage.objects.insert"
        and request.method in _SESSION_METHODS
        and "upload_id" in request.query_params
    )


def _bearer_token(request: Request) -> str:
    """Return the bearer token of a request; empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
