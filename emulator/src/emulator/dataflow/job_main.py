"""Process of a job: copies staged files, installs its packages, then becomes `run_pipeline`.

python -m emulator.dataflow.job_main JOB_DIRECTORY
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from emulator.dataflow.events import EventLog, Importance, JobState
from emulator.dataflow.packages import InstallError, install_packages
from emulator.dataflow.submission import PACKAGES_DIRECTORY, PIPELINE_FILENAME, STAGED_DIRECTORY, Submission
from emulator.errors import InvalidArgument
from emulator.storage.names import uri_path


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


def main(directory: Path) -> NoReturn:
    """Prepare the job in this folder and run it."""
    events = EventLog(directory)
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
    main(Path(sys.argv[1]))
