"""Service accounts with their keys, and the permissions that their roles hold.

A TOML file says which account has which roles, and which role which permissions:

    [accounts.perennial-airflow]
    roles = ["perennialAirflow"]
    acts_as = ["perennial-jobs"]

    [roles.perennialAirflow.permissions]
    "aiplatform.customJobs.create" = "train"
"""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.errors import Unauthenticated

OWNER = "owner"
"""Account of the person who set the emulator up; it may do everything but take other accounts' tokens."""

COMPUTE_DEFAULT = "1-compute@developer.gserviceaccount.com"
"""Account of jobs and servers that name none; 1 is the number of every project here."""

ACT_AS = "iam.serviceAccounts.actAs"
IMPERSONATE = frozenset(
    {
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
        "iam.serviceAccounts.signBlob",
    }
)
"""Permissions of `roles/iam.serviceAccountTokenCreator`, which are held on single accounts."""

# https://cloud.google.com/iam/docs/service-accounts-create
_ID = re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]")
_ACCOUNT_FIELDS = {"title", "roles", "google_roles", "acts_as", "impersonates"}
_KEY_BITS = 2048


class AccountsFileError(Exception):
    """The file of accounts and roles can't be used."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Service account.

    Attributes:
        email: its name, `perennial-jobs@project.iam.gserviceaccount.com` for instance.
        permissions: that its roles hold in every project; None for all of them.
        acts_as: emails of the accounts that jobs and servers which it starts may run as; None for all.
        impersonates: emails of the accounts whose tokens it may have.
    """

    email: str
    permissions: frozenset[str] | None = None
    acts_as: frozenset[str] | None = None
    impersonates: frozenset[str] = field(default_factory=frozenset)

    def holds(self, permission: str, resource: str) -> bool:
        """Return True if it may use a permission on a resource.

        Owners hold everything but the tokens of other accounts, as in Google's `roles/owner`.
        """
        if permission in IMPERSONATE:
            return resource == self.email or resource in self.impersonates
        if permission == ACT_AS:
            return self.acts_as is None or resource in self.acts_as
        return self.permissions is None or permission in self.permissions


class Accounts:
    """All service accounts, each with a key file in one folder.

    Args:
        folder: the folder of the key files, `ID.json`; missing ones are made.
        project: the project that the accounts belong to.
        token_uri: URL of the token service, for the key files.
        file: the TOML file; without one there is the owner alone, and jobs may do everything.

    Raises:
        AccountsFileError: the file can't be read, or names a field, role or account that isn't there.
    """

    def __init__(self, folder: Path, *, project: str, token_uri: str, file: Path | None = None) -> None:
        self._folder = folder
        self._project = project
        document = {} if file is None else _read_file(file)
        everything = None if file is None else frozenset[str]()
        self._accounts = {
            account.email: account
            for account in (
                Account(email=self.email(OWNER)),
                Account(email=COMPUTE_DEFAULT, permissions=everything, acts_as=everything),
                *self._listed(document),
            )
        }
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._public_keys = {
            email: _public_key(self._write_key(email, token_uri)) for email in self._accounts
        }

    def email(self, account_id: str) -> str:
        """Return the email of an account of this project."""
        return account_email(account_id, self._project)

    def __contains__(self, email: object) -> bool:
        """Return True if there is an account of this email."""
        return email in self._accounts

    def get(self, email: str) -> Account:
        """Return an account.

        Raises:
            Unauthenticated: there is none of this email.
        """
        account = self._accounts.get(email)
        if account is None:
            raise Unauthenticated(f"Invalid grant: account {email} not found")
        return account

    def all(self) -> list[Account]:
        """Return every account, the owner first."""
        return list(self._accounts.values())

    def public_key(self, email: str) -> str:
        """Return the public key of an account, in PEM.

        Raises:
            Unauthenticated: there is no such account.
        """
        return self._public_keys[self.get(email).email]

    def key(self, email: str) -> dict[str, str]:
        """Return the content of an account's key file."""
        document: dict[str, str] = json.loads(key_file(self._folder, email).read_text())
        return document

    def _listed(self, document: Mapping[str, Any]) -> Iterator[Account]:
        roles = {
            name: frozenset(_table(role, f"roles.{name}").get("permissions", {}))
            for name, role in _table(document.get("roles", {}), "roles").items()
        }
        listed = _table(document.get("accounts", {}), "accounts")
        for account_id, fields in listed.items():
            where = f"accounts.{account_id}"
            if not _ID.fullmatch(account_id):
                raise AccountsFileError(
                    f"{where}: expected an id of 6 to 30 lower-case letters, digits and dashes"
                )
            unknown = sorted(set(_table(fields, where)) - _ACCOUNT_FIELDS)
            if unknown:
                raise AccountsFileError(f"{where}: expected {sorted(_ACCOUNT_FIELDS)}, received {unknown}")
            named = _names(fields, "roles", where, known=roles)
            yield Account(
                email=self.email(account_id),
                permissions=frozenset().union(*(roles[name] for name in named)),
                acts_as=frozenset(map(self.email, _names(fields, "acts_as", where, known=listed))),
                impersonates=frozenset(map(self.email, _names(fields, "impersonates", where, known=listed))),
            )

    def _write_key(self, email: str, token_uri: str) -> dict[str, str]:
        """Write an account's key file, with a fresh key the first time and the token service's URL always."""
        file = key_file(self._folder, email)
        document = json.loads(file.read_text()) if file.exists() else {}
        if document.get("client_email") != email:
            document = {
                "type": "service_account",
                "project_id": self._project,
                "private_key_id": secrets.token_hex(20),
                "private_key": _new_private_key(),
                "client_email": email,
                "client_id": str(secrets.randbelow(10**21)),
            }
        document["token_uri"] = token_uri
        temporary = file.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(document, indent=2))
        temporary.replace(file)
        return document


def account_email(account_id: str, project: str) -> str:
    """Return the email of a service account of a project."""
    return f"{account_id}@{project}.iam.gserviceaccount.com"


def key_file(folder: Path, email: str) -> Path:
    """Return the key file of an account."""
    return folder / f"{email.partition('@')[0]}.json"


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise AccountsFileError(f"{file}: expected a TOML file of accounts and roles: {error}") from error


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AccountsFileError(f"{where}: expected a table, received {value!r}")
    return value


def _names(fields: Mapping[str, Any], name: str, where: str, *, known: Mapping[str, Any]) -> list[str]:
    names = fields.get(name, [])
    if not isinstance(names, list) or not all(item in known for item in names):
        raise AccountsFileError(f"{where}.{name}: expected a list of {sorted(known)}, received {names!r}")
    return names


def _new_private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _public_key(document: Mapping[str, str]) -> str:
    key = serialization.load_pem_private_key(document["private_key"].encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
