"""Packages of PyPI, or of the mirror that uv is configured to use."""

from __future__ import annotations

import subprocess
import tomllib
from dataclasses import dataclass

import uv

from samples.errors import SampleError

_TIMEOUT_SECONDS = 180


@dataclass(frozen=True, kw_only=True)
class PyPiPackage:
    """A wheel or an sdist.

    Attributes:
        name: of the package.
        version: of the package.
        filename: the archive's name.
        sha256: its checksum.
    """

    name: str
    version: str
    filename: str
    sha256: str

    def url(self) -> str:
        """Where uv would fetch the archive: it is what installed this project, so its index is the right one.

        uv writes the addresses of all of a version's archives into a lock file:
        https://docs.astral.sh/uv/reference/cli/#uv-pip-compile--format

        Raises:
            SampleError: uv finds no such archive.
        """
        requirement = f"{self.name}=={self.version}"
        command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "--no-deps", "--format"]
        completed = subprocess.run(
            [*command, "pylock.toml", "--python-version", "3.11", "-"],
            input=requirement, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        if completed.returncode != 0:
            raise SampleError(
                requirement, expected="a package that uv finds", received=completed.stderr.strip()
            )
        archives = []
        for package in tomllib.loads(completed.stdout)["packages"]:
            archives += [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
        for archive in archives:
            if str(archive["url"]).split("#")[0].endswith(f"/{self.filename}"):
                return str(archive["url"])
        raise SampleError(
            requirement,
            expected=f"an archive {self.filename}",
            received=[archive["url"] for archive in archives],
        )

    def __str__(self) -> str:
        return f"PyPI {self.name}=={self.version}, {self.filename}"
