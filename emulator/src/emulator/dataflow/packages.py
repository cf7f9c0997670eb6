"""Installation of a job's own packages into its folder, as in the boot program of Beam's worker container.

Requirements first, then extra packages, then the workflow; a package that is staged wins over an installed
one, and what it needs besides is only installed where nothing fits.
https://github.com/apache/beam/blob/master/sdks/python/container/boot.go
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import uv
from packaging.requirements import Requirement

_REQUIREMENTS = "requirements.txt"
_EXTRA_PACKAGES = "extra_packages.txt"
_WORKFLOW = "workflow.tar.gz"
_BEAM = re.compile(r"dataflow_python_sdk\.tar|apache_beam-.*\.whl", re.IGNORECASE)


class InstallError(Exception):
    """A package could not be installed; the message holds the installer's."""


def install_packages(staged: Path, target: Path) -> int:
    """Install the staged packages.

    Args:
        staged: the folder with the staged files.
        target: the folder that the packages go into; it belongs in front of `sys.path`.

    Returns:
        The number of distributions in the target.

    Raises:
        InstallError: a package can't be built, found or installed.
    """
    target.mkdir(exist_ok=True)
    beam = [file.name for file in staged.iterdir() if _BEAM.fullmatch(file.name)]
    if beam:
        raise InstallError(f"--sdk_location: expected the Beam of this machine, received {beam[0]}")
    for arguments in _staged_arguments(staged):
        _install(arguments, staged, target)
    tried: list[list[str]] = []
    while missing := _missing_requirements(target):
        if missing in tried:
            raise InstallError(f"{', '.join(missing)}: expected packages that agree, received a conflict")
        tried.append(missing)
        _install(missing, staged, target)
    return sum(1 for _ in distributions(path=[str(target)]))


def _staged_arguments(staged: Path) -> list[list[str]]:
    steps = []
    if (staged / _REQUIREMENTS).exists():
        steps.append(["-r", str(staged / _REQUIREMENTS)])
    if (staged / _EXTRA_PACKAGES).exists():
        names = (staged / _EXTRA_PACKAGES).read_text().split()
        unknown = sorted(set(names) - {file.name for file in staged.iterdir()})
        if unknown:
            raise InstallError(f"{_EXTRA_PACKAGES}: expected names of staged files, received {unknown[0]!r}")
        steps.append([str(staged / name) for name in names])
    if (staged / _WORKFLOW).exists():
        steps.append([str(staged / _WORKFLOW)])
    return steps


def _install(arguments: list[str], staged: Path, target: Path) -> None:
    command = [
        uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--python", sys.executable,
        "--target", str(target), "--find-links", str(staged), *arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(f"{' '.join(Path(a).name for a in arguments)}: {done.stderr.strip()}")


def _missing_requirements(target: Path) -> list[str]:
    """Return the requirements that neither the target nor this interpreter satisfies."""
    requirements = [
        Requirement(text)
        for distribution in distributions(path=[str(target)])
        for text in distribution.requires or []
    ]
    return sorted(
        {
            f"{requirement.name}{requirement.specifier}"
            for requirement in requirements
            if (requirement.marker is None or requirement.marker.evaluate({"extra": ""}))
            and not _satisfied(requirement, [str(target), *sys.path])
        }
    )


def _satisfied(requirement: Requirement, path: list[str]) -> bool:
    # The first of a name is the one that an import finds.
    present = next(iter(distributions(name=requirement.name, path=path)), None)
    return present is not None and requirement.specifier.contains(present.version, prereleases=True)
