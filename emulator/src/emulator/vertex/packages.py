"""The packages of a `python_package_spec`: source distributions and wheels in Cloud Storage."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from uv import find_uv_bin

_LAST_CHARACTERS = 2000


class InstallError(Exception):
    """A package is missing or can't be installed."""


def install_packages(packages: Sequence[Path], target: Path) -> None:
    """Install packages into a folder of their own, without their dependencies.

    Args:
        packages: the files.
        target: the folder; what was in it is removed.

    Raises:
        InstallError: a file is missing or is no package.
    """
    for package in packages:
        if not package.is_file():
            raise InstallError(f"python_package_spec.package_uris: there is no object {package.name}")
    shutil.rmtree(target, ignore_errors=True)
    result = subprocess.run(
        [
            find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--no-config",
            "--python", sys.executable, "--target", str(target), *map(str, packages),
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=target.parent,
    )  # fmt: skip
    if result.returncode != 0:
        names = ", ".join(package.name for package in packages)
        raise InstallError(f"{names} could not be installed:\n{result.stderr[-_LAST_CHARACTERS:]}")
