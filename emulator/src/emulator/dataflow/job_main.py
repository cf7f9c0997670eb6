"""Process of a job: copies staged files, installs its packages, then becomes `run_pipeline`.

python -m emulator.dataflow.job_main JOB_DIRECTORY DELAY_SECONDS

Requirements are installed first, then extra packages, then the workflow, as by the boot program of Beam's
worker container. A staged package wins over an installed one; its requirements are installed if nothing fits.
https://github.com/apache/beam/blob/master/sdks/python/container/boot.go
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from importlib.metadata import distributions
from pathlib import Path
from typing import NoReturn

import uv
from packaging.requirements import Requirement

from emulator.dataflow.events import EventLog, Importance, JobState
from emulator.dataflow.submission import PACKAGES_DIRECTORY, PIPELINE_FILENAME, STAGED_DIRECTORY, Submission
from emulator.errors import InvalidArgument
from emulator.storage.names import uri_path

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


class StagingError(Exception):
    """A staged file is missing or isn't the one that was submitted."""


def stage(submission: Submission, directory: Path) -> list[str]:
    """Copy the pipeline and all packages from the buckets.

    Args:
        submission: names the files.
        directory: the job's folder.

    Returns:
        The names of the packages.

    Raises:
        StagingError: a file is missing, or the pipeline's hash is another one.
    """
    pipeline = directory / PIPELINE_FILENAME
    _fetch(submission.pipeline_url, pipeline)
    digest = hashlib.sha256(pipeline.read_bytes()).hexdigest()
    if submission.pipeline_hash and digest != submission.pipeline_hash:
        raise StagingError(
            f"{submission.pipeline_url}: expected the SHA-256 {submission.pipeline_hash}, received {digest}"
        )
    staged = directory / STAGED_DIRECTORY
    staged.mkdir(exist_ok=True)
    for name, uri in submission.packages.items():
        _fetch(uri, staged / name)
    return list(submission.packages)


def _fetch(uri: str, target: Path) -> None:
    try:
        shutil.copyfile(uri_path(Path(os.environ["GCS_MOUNT"]), uri), target)
    except (InvalidArgument, FileNotFoundError, IsADirectoryError) as error:
        raise StagingError(f"{uri}: expected a staged file, received nothing") from error


def main(directory: Path, delay_seconds: float) -> NoReturn:
    """Prepare the job in this folder and run it, after a delay in which it stays PENDING."""
    events = EventLog(directory)
    time.sleep(delay_seconds)
    try:
        prepare(directory, events)
    except (StagingError, InstallError) as error:
        events.add_message(str(error), importance=Importance.ERROR)
        events.change_state(JobState.FAILED)
        sys.exit(1)
    except BaseException:
        events.add_message(traceback.format_exc(), importance=Importance.ERROR)
        events.change_state(JobState.FAILED)
        raise
    # A new interpreter, so that the job's own packages come before the emulator's with every import.
    path = os.pathsep.join(filter(None, [str(directory / PACKAGES_DIRECTORY), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "SEMI_PERSISTENT_DIRECTORY": str(directory)}
    # Workers of Dataflow have no buckets mounted.
    environment.pop("GCS_MOUNT")
    command = [sys.executable, "-P", "-m", "emulator.dataflow.run_pipeline", str(directory)]
    os.execve(sys.executable, command, environment)  # noqa: S606


def prepare(directory: Path, events: EventLog) -> None:
    """Copy staged files and install packages.

    Raises:
        StagingError: a staged file is missing, or the pipeline's hash is another one.
        InstallError: a package can't be built, found or installed.
    """
    names = stage(Submission.read(directory), directory)
    events.add_message(f"Staged {len(names)} files.", importance=Importance.DETAILED)
    count = install_packages(directory / STAGED_DIRECTORY, directory / PACKAGES_DIRECTORY)
    if count:
        events.add_message(f"Installed {count} packages of the job.", importance=Importance.DETAILED)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
