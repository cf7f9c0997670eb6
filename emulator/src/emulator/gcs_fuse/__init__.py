"""Mount of the buckets with the semantics of Cloud Storage FUSE: what training jobs on Vertex AI see at /gcs.

`run` starts a command that sees the buckets through such a mount; `file_system` is the file system.
https://cloud.google.com/vertex-ai/docs/training/cloud-storage-file-system
https://github.com/GoogleCloudPlatform/gcsfuse/blob/master/docs/semantics.md
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

AUTO, OFF = CHOICES = ("auto", "off")
"""Values of `--gcs-fuse`: a mount where it is possible, or none."""

SWITCHED_OFF = "--gcs-fuse off"

_UNMOUNT = "fusermount3"
PID_FILE = "pid"
"""File in the scratch folder with the process id of the file system."""

_MOUNTS = "mounts"
_RUN = "emulator.gcs_fuse.run"


def unavailable_reason(mode: str) -> str:
    """Return why there is to be no mount, or can be none on this machine; empty if there can.

    Args:
        mode: one of `CHOICES`.
    """
    if mode == OFF:
        return SWITCHED_OFF
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no access to /dev/fuse"
    if shutil.which(_UNMOUNT) is None or ctypes.util.find_library("fuse3") is None:
        return f"no libfuse3 with {_UNMOUNT}"
    return ""


def mount_point(root: Path, job_id: str, replica: str) -> Path:
    """Return the mount point of a replica, never below a job's folder: that is removed with all in it.

    Args:
        root: the emulator's folder.
        job_id: the job's id.
        replica: the replica's name.
    """
    return root.resolve() / _MOUNTS / f"{job_id}-{replica}"


def mounted_command(buckets: Path, point: Path, argv: Sequence[str]) -> list[str]:
    """Return a command line that runs another with the buckets mounted.

    Args:
        buckets: the folder whose folders are buckets.
        point: the mount point.
        argv: the other command line.
    """
    # -I: a job's PYTHONPATH must not stand in for the modules of the mount.
    return [sys.executable, "-I", "-m", _RUN, str(buckets.resolve()), str(point), "--", *argv]


def unmount(point: Path) -> None:
    """Take a mount away, also one whose file system has died; what is not mounted stays as it is."""
    program = shutil.which(_UNMOUNT)
    if program is not None and (os.path.ismount(point) or _is_dead(point)):
        subprocess.run([program, "-u", "-z", str(point)], capture_output=True, check=False)
    shutil.rmtree(scratch_folder(point), ignore_errors=True)
    try:
        point.rmdir()
    except OSError:  # still mounted, or somebody put a file there: never removed with what is in it
        return


def kill_file_system(point: Path) -> None:
    """Kill the file system of a mount: what is not closed is lost, as with a machine that is gone."""
    try:
        process = psutil.Process(int((scratch_folder(point) / PID_FILE).read_text()))
        if str(point) in process.cmdline():
            process.kill()
    except (OSError, ValueError, psutil.Error):  # there is no mount
        return


def unmount_dead(root: Path) -> None:
    """Take away the mounts whose file system is gone, and what they left; those of jobs that go on stay."""
    folder = root / _MOUNTS
    names = {entry.name.removeprefix(".") for entry in folder.iterdir()} if folder.is_dir() else set()
    for point in (folder / name for name in names):
        if _is_dead(point) or not os.path.ismount(point):
            unmount(point)


def scratch_folder(point: Path) -> Path:
    """Return the folder of files that are being written, beside the mount point."""
    return point.with_name(f".{point.name}")


def _is_dead(point: Path) -> bool:
    """Return True if there is a mount that nobody answers for: every look at it is an error."""
    try:
        point.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
