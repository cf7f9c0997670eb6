"""Run a command that finds the buckets mounted as Cloud Storage FUSE mounts them, at `GCS_MOUNT`.

python -m emulator.gcs_fuse.run BUCKETS MOUNT_POINT -- COMMAND...

The file system is a process of its own, which no signal of the command's reaches: the command may still write
after SIGTERM. It ends with this process, whatever becomes of that: the pipe between them then closes.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from emulator.gcs_fuse import PID_FILE, scratch_folder, unmount

_READY_SECONDS = 10.0
_LOOK_SECONDS = 0.02
_SERVE = "--serve"


def main(arguments: Sequence[str]) -> int:
    """Run the command, or the file system; return the exit status of the command, as a shell has it."""
    if arguments[0] == _SERVE:
        return serve(Path(arguments[1]), Path(arguments[2]))
    buckets, point = Path(arguments[0]), Path(arguments[1])
    command = list(arguments[3:])
    # The command gets them, too; what it does with them is its own affair.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    environment = dict(os.environ)
    file_system = _mount(buckets, point)
    if file_system is None:
        print(
            f"{point} could not be mounted: the buckets are plain folders, unlike on Vertex AI.", flush=True
        )
    else:
        environment["GCS_MOUNT"] = str(point)
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr, flush=True)
        status = 127
    else:
        status = child.wait()
    if file_system is not None:
        assert file_system.stdin is not None  # noqa: S101 - for mypy: it is a pipe
        file_system.stdin.close()
        file_system.wait()
        unmount(point)
    return status if status >= 0 else 128 - status


def serve(buckets: Path, point: Path) -> int:
    """Serve the file system until standard input closes."""
    from mfusepy import FUSE

    from emulator.gcs_fuse.file_system import BucketFileSystem

    # Its errors are the command's: it gets their numbers.
    logging.getLogger("fuse").setLevel(logging.CRITICAL)
    # libfuse leaves signals alone that are ignored already.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        while os.read(0, 1):
            pass
        unmount(point)

    threading.Thread(target=watch, daemon=True).start()
    scratch = scratch_folder(point)
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / PID_FILE).write_text(str(os.getpid()))
    FUSE(BucketFileSystem(buckets, scratch), str(point), foreground=True, fsname="gcsfuse")
    return 0


def _mount(buckets: Path, point: Path) -> subprocess.Popen[bytes] | None:
    """Start the file system and wait until it is there; None if it can't be."""
    unmount(point)
    point.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "emulator.gcs_fuse.run", _SERVE, str(buckets), str(point)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    give_up_at = time.monotonic() + _READY_SECONDS
    while not os.path.ismount(point):
        if process.poll() is not None or time.monotonic() > give_up_at:
            process.kill()
            process.wait()
            unmount(point)
            return None
        time.sleep(_LOOK_SECONDS)
    return process


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
