"""The long-running programs of a stack, as the process manager starts them."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from local.home import Home
from local.images import image_flags
from local.ports import LOOPBACK, Ports

EMULATOR = "emulator"
TENSORBOARD = "tensorboard"
EXECUTION = "execution-api"
AIRFLOW = ("api-server", EXECUTION, "scheduler", "dag-processor", "triggerer")


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised program.

    Attributes:
        name: in the process manager, and of its log file.
        command: its argument vector.
        stop_seconds: how long it may take to end before it is killed with its whole process group.
    """

    name: str
    command: tuple[str, ...]
    stop_seconds: int = 10


def programs(home: Home, ports: Ports, bucket: str) -> tuple[Program, ...]:
    """Every program of a stack."""
    python = sys.executable
    airflow = (python, "-m", "airflow")
    emulator = (python, "-m", "emulator", "--root", str(home.emulator), "--port", str(ports.emulator))
    logs_of_runs = str(home.buckets / bucket / "runs")
    return (
        Program(name=EMULATOR, command=(*emulator, *image_flags())),
        # Apart: a request of a person that waits in the event loop for SQLite's lock would wait for a task's
        # request that can't end before the loop goes on.
        Program(name="api-server", command=(*airflow, "api-server", "--apps", "core")),
        Program(
            name=EXECUTION,
            command=(*airflow, "api-server", "--apps", "execution", "--port", str(ports.execution)),
        ),
        # The API server reads the logs of tasks from their files: no log servers, which would listen on every
        # interface.
        Program(name="scheduler", command=(*airflow, "scheduler", "--skip-serve-logs")),
        Program(name="dag-processor", command=(*airflow, "dag-processor")),
        Program(name="triggerer", command=(*airflow, "triggerer", "--skip-serve-logs")),
        Program(
            name=TENSORBOARD,
            command=(
                *(python, "-m", "tensorboard.main", "--logdir", logs_of_runs),
                *("--host", LOOPBACK, "--port", str(ports.tensorboard), "--reload_interval", "10"),
            ),
        ),
    )
