"""Service accounts of a stack, whose key files the emulator writes, and the login of its owner."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import httpx

from local.paths import CHECKOUT, StackPaths

if TYPE_CHECKING:
    from google.oauth2.service_account import Credentials

PROJECT = "perennial-local"
PERMISSIONS_FILE = CHECKOUT / "infra" / "permissions.toml"
"""Accounts, their roles, and the permissions of these; the cloud's and the laptop's are the same."""

AIRFLOW, JOBS, SERVING = "perennial-airflow", "perennial-jobs", "perennial-serving"
OWNER = "owner"
"""Account of the stack's user, which may do everything."""

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def email(account: str) -> str:
    """Return the name of a service account of the stack's project."""
    return f"{account}@{PROJECT}.iam.gserviceaccount.com"


def owner_credentials(paths: StackPaths) -> Credentials:
    """Return the credentials of the stack's owner; the emulator has run once."""
    from google.oauth2.service_account import Credentials

    return Credentials.from_service_account_file(str(paths.key_file(OWNER)), scopes=_SCOPES)


class OwnerLogin(httpx.Auth):
    """Login of the stack's owner, for requests by httpx."""

    def __init__(self, paths: StackPaths) -> None:
        self._credentials = owner_credentials(paths)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add an access token to a request."""
        from google.auth.transport.requests import Request

        if not self._credentials.valid:
            self._credentials.refresh(Request())
        request.headers["Authorization"] = f"Bearer {self._credentials.token}"
        yield request
