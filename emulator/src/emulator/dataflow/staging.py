"""Brings a job's staged files into its folder and checks the pipeline's hash."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from emulator.dataflow.submission import PIPELINE_FILENAME, STAGED_DIRECTORY, Submission
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
