"""A job's process: fetches what was staged, installs its packages, then becomes `run_pipeline`.

python -m emulator.dataflow.job_main JOB_DIRECTORY
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from emulator.dataflow import states
from emulator.dataflow.events import EventLog
from emulator.dataflow.packages import InstallError, install_packages
from emulator.dataflow.staging import StagingError, stage
from emulator.dataflow.submission import PACKAGES_DIRECTORY, STAGED_DIRECTORY, Submission


def main(directory: Path) -> NoReturn:
    """Prepare the job in this folder and run it."""
    events = EventLog(directory)
    try:
        prepare(directory, events)
    except (StagingError, InstallError) as error:
        events.tell(str(error), importance=states.ERROR)
        events.change_state(states.FAILED)
        sys.exit(1)
    except BaseException:
        events.tell(traceback.format_exc(), importance=states.ERROR)
        events.change_state(states.FAILED)
        raise
    # A new interpreter, so that the job's own packages come before the emulator's with every import.
    path = os.pathsep.join(filter(None, [str(directory / PACKAGES_DIRECTORY), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "SEMI_PERSISTENT_DIRECTORY": str(directory)}
    command = [sys.executable, "-P", "-m", "emulator.dataflow.run_pipeline", str(directory)]
    os.execve(sys.executable, command, environment)  # noqa: S606


def prepare(directory: Path, events: EventLog) -> None:
    """Stage and install.

    Raises:
        StagingError: a staged file is missing, or the pipeline's hash is another one.
        InstallError: a package can't be built, found or installed.
    """
    names = stage(Submission.read(directory), directory)
    events.tell(f"Staged {len(names)} files.", importance=states.DETAILED)
    count = install_packages(directory / STAGED_DIRECTORY, directory / PACKAGES_DIRECTORY)
    if count:
        events.tell(f"Installed {count} packages of the job.", importance=states.DETAILED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
