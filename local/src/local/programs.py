"""Command lines of a stack's long-running programs, as the process manager starts them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from local.accounts import PERMISSIONS_FILE, PROJECT
from local.environment import REGION
from local.paths import StackPaths
from local.ports import LOOPBACK, Ports

EMULATOR = "emulator"
TENSORBOARD = "tensorboard"
EXECUTION = "execution-api"
AIRFLOW = ("api-server", EXECUTION, "scheduler", "dag-processor", "triggerer")

_REGISTRY = f"{REGION}-docker.pkg.dev/{PROJECT}"
_IMAGE_MODULES = {
    "perennial/trainer": "trainer.task",
    "perennial/trainer-gpu": "trainer.task",
    "perennial/trainer-tpu": "trainer.task",
    "perennial/serving": "serving.main",
    "perennial/autoencoder": "trainer.task",
}
_CUSTOM_IMAGES = ("perennial/autoencoder",)
"""Images that a container runtime runs once they are built."""

_CONTAINER_RUNTIMES = ("docker", "podman")
_RUNTIME_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Program:
    """One supervised program.

    Attributes:
        name: in the process manager, and of its log file.
        command: its argument vector.
        stop_seconds: grace period between SIGTERM and SIGKILL of its whole process group.
    """

    name: str
    command: tuple[str, ...]
    stop_seconds: int = 10


def programs(
    paths: StackPaths, ports: Ports, bucket: str, images: Mapping[str, str] = MappingProxyType({})
) -> tuple[Program, ...]:
    """Return all programs of a stack.

    Args:
        paths: of the stack.
        ports: that they listen on.
        bucket: of the runs.
        images: further container images for the emulator -> the module in place of each.
    """
    python = sys.executable
    airflow = (python, "-m", "airflow")
    emulator = (python, "-m", "emulator", "--root", str(paths.emulator), "--port", str(ports.emulator))
    accounts = ("--project", PROJECT, "--accounts", str(PERMISSIONS_FILE))
    run_logs = str(paths.buckets / bucket / "runs")
    return (
        Program(
            name=EMULATOR,
            command=(*emulator, *accounts, "--pretend-accelerators", *image_flags(images)),
        ),
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
                *(python, "-m", "local.tensorboard_server", "--logdir", run_logs),
                *("--host", LOOPBACK, "--port", str(ports.tensorboard), "--reload_interval", "10"),
                # A training writes a new event file again and again.
                "--reload_multifile=true",
            ),
        ),
    )


def image_flags(further: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Yield the emulator's flags: a module in place of each image that no local container runtime holds.

    So a dataset whose model has an image of its own runs everywhere, and in its image where that is built.
    """
    for name, module in {**_IMAGE_MODULES, **further}.items():
        if name not in _CUSTOM_IMAGES or not _is_built(f"{_REGISTRY}/{name}"):
            yield from ("--image", f"{name}={module}")


def _is_built(repository: str) -> bool:
    """Return True if a container runtime that responds holds any tag of this repository."""
    for runtime in _CONTAINER_RUNTIMES:
        command = [runtime, "image", "ls", "--quiet", "--filter", f"reference={repository}"]
        try:
            completed = subprocess.run(
                command, capture_output=True, text=True, timeout=_RUNTIME_TIMEOUT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if completed.returncode == 0 and completed.stdout.strip():
            return True
    return False
