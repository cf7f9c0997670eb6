"""Service accounts of a stack: the login of its owner, the rights that each has, and those that runs used.

The emulator writes their key files. Rights are granted by `infra/permissions.toml`; used ones are in the
emulator's audit log.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

_ACT_AS = "iam.serviceAccounts.actAs"
_IMPERSONATE = "iam.serviceAccounts.getAccessToken"
_AUDIT_LOGS = ("audit.jsonl.1", "audit.jsonl")
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


@dataclass(frozen=True, kw_only=True)
class Right:
    """Permission of an account.

    Attributes:
        account: the account's id.
        permission: its name, `aiplatform.customJobs.create` for instance.
        reason: the step that needs it; empty for one that isn't granted.
        role: the custom role that holds it; empty for a right on another account.
    """

    account: str
    permission: str
    reason: str = ""
    role: str = ""


def granted(file: Path = PERMISSIONS_FILE) -> list[Right]:
    """Return every right in the file, in its order."""
    document = tomllib.loads(file.read_text())
    rights = []
    for account, fields in document["accounts"].items():
        for role in fields.get("roles", []):
            for permission, reason in document["roles"][role]["permissions"].items():
                rights.append(Right(account=account, permission=permission, reason=reason, role=role))
        for permission, name in ((_ACT_AS, "acts_as"), (_IMPERSONATE, "impersonates")):
            others = ", ".join(fields.get(name, []))
            if others:
                rights.append(Right(account=account, permission=permission, reason=f"on {others}"))
    return rights


def as_json(file: Path = PERMISSIONS_FILE) -> str:
    """Return the file's content in JSON, which Terraform can read."""
    document = tomllib.loads(file.read_text())
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def google_roles(file: Path = PERMISSIONS_FILE) -> dict[str, list[str]]:
    """Return Google's own roles that an account needs besides, for its agents on the account's machines."""
    accounts = tomllib.loads(file.read_text())["accounts"]
    return {name: fields["google_roles"] for name, fields in accounts.items() if "google_roles" in fields}


def used(paths: StackPaths) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Return how often each account used each permission, and how often it was refused one."""
    uses: Counter[tuple[str, str]] = Counter()
    refusals: Counter[tuple[str, str]] = Counter()
    for entry in _entries(paths):
        account = entry["authenticationInfo"]["principalEmail"].partition("@")[0]
        for right in entry["authorizationInfo"]:
            (uses if right["granted"] else refusals)[account, right["permission"]] += 1
    return uses, refusals


def markdown(rights: Sequence[Right]) -> str:
    """Return the rights as the table of docs/cloud.md."""
    lines = ["| account | permission | needed by |", "|---|---|---|"]
    lines += [f"| `{right.account}` | `{right.permission}` | {right.reason} |" for right in rights]
    lines += [
        f"| `{account}` | {', '.join(f'`{role}`' for role in roles)} | Google's own agents on its machines |"
        for account, roles in google_roles().items()
    ]
    return "\n".join(lines) + "\n"


def differences(paths: StackPaths) -> tuple[list[Right], list[Right]]:
    """Return the rights that no request used, and the permissions that an account lacked.

    The owner is a person: what they do is not the product's. An account that made no request has no part in
    this stack: nobody impersonates on a laptop.
    """
    uses, refusals = used(paths)
    active = {account for account, _ in uses}
    unused = [
        right for right in granted() if right.account in active and not uses[right.account, right.permission]
    ]
    lacking = [
        Right(account=account, permission=permission)
        for account, permission in sorted(refusals)
        if account != OWNER
    ]
    return unused, lacking


def _entries(paths: StackPaths) -> Iterator[dict[str, Any]]:
    for name in _AUDIT_LOGS:
        file = paths.emulator / name
        if not file.exists():
            continue
        for line in file.read_text().splitlines():
            try:
                yield json.loads(line)["protoPayload"]
            except ValueError:
                # The emulator was killed while it wrote.
                continue
