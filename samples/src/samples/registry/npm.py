"""Packages of the npm registry, or of the mirror that npm is configured to use; npm itself is not needed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_REGISTRY = "https://registry.npmjs.org"
_VARIABLES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")


@dataclass(frozen=True, kw_only=True)
class NpmPackage:
    """A tarball.

    Attributes:
        name: of the package, without a scope.
        version: of the package.
        sha256: the tarball's checksum.
    """

    name: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The tarball's name."""
        return f"{self.name}-{self.version}.tgz"

    def url(self) -> str:
        """Where the registry keeps the tarball."""
        return f"{configured_registry()}/{self.name}/-/{self.filename}"

    def __str__(self) -> str:
        return f"npm {self.name}@{self.version}, {self.filename}"


def configured_registry() -> str:
    """The registry of the environment, else of `~/.npmrc`, else npm's own; without a slash at its end.

    https://docs.npmjs.com/cli/using-npm/config#registry
    """
    found = [value for name in _VARIABLES if (value := os.environ.get(name))]
    return (found[0] if found else _of_user() or _REGISTRY).rstrip("/")


def _of_user() -> str | None:
    npmrc = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    if not npmrc.is_file():
        return None
    settings = (line.partition("=") for line in npmrc.read_text().splitlines())
    return next((value.strip(" \"'") for name, _, value in settings if name.strip() == "registry"), None)
