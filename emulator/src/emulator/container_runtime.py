"""Container runtime: Docker or Podman runs the images for which no module is configured.

A container sees the buckets below /gcs, as it does on Vertex AI, and the network of this machine, so that it
reaches the emulator and the other replicas at their loopback addresses (on Linux). It runs as this user: what
it writes can be removed by this user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NONE = "none"
AUTO = "auto"

_PROGRAMS = ("docker", "podman")
_QUESTIONS = {
    "docker": "{{.ServerVersion}} {{.SecurityOptions}}",
    "podman": "{{.Version.Version}} {{.Host.Security.Rootless}}",
}
_ROOTLESS = {"docker": "name=rootless", "podman": "true"}
CHOICES = (AUTO, *_PROGRAMS, NONE)
"""Values of `--engine`."""

_ANSWER_SECONDS = 10
_REMOVE_SECONDS = 30


class NoRuntimeError(Exception):
    """No container engine answered; the message says which were tried, and how each refused."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """Bind mount: a file or folder of this machine inside a container."""

    source: Path
    target: str
    readonly: bool = False


@dataclass(frozen=True, kw_only=True)
class ContainerRuntime:
    """Container engine that answered.

    Attributes:
        program: `docker` or `podman`.
        rootless: True if root in a container is this user outside.
    """

    program: str
    rootless: bool

    def run_argv(
        self,
        name: str,
        *,
        image_uri: str,
        command: Sequence[str],
        args: Sequence[str],
        environment: Mapping[str, str],
        mounts: Sequence[Mount],
    ) -> list[str]:
        """Return the command line that runs a container to its end and passes its output on.

        Args:
            name: the container's name.
            image_uri: the image; pulled where it isn't here.
            command: replaces the image's entry point, if not empty.
            args: replaces its arguments, if not empty.
            environment: variables besides the image's.
            mounts: files and folders of this machine inside it.
        """
        argv = [self.program, "run", "--rm", "--name", name, "--network", "host"]
        # Without an init a program that doesn't handle SIGTERM never gets it: it is process 1.
        argv += ["--init", "--user", "0:0" if self.rootless else f"{os.getuid()}:{os.getgid()}"]
        # SELinux lets no container read a home directory.
        argv += ["--security-opt", "label=disable"]
        for mount in mounts:
            flags = ",readonly" if mount.readonly else ""
            argv += ["--mount", f"type=bind,source={mount.source},target={mount.target}{flags}"]
        for variable, value in environment.items():
            argv += ["--env", f"{variable}={value}"]
        if command:
            argv += ["--entrypoint", command[0]]
        return [*argv, image_uri, *command[1:], *args]

    def remove(self, name: str) -> None:
        """Remove a container at once, if it still exists: its client may have ended before it."""
        subprocess.run(
            [self.program, "rm", "--force", name],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_REMOVE_SECONDS, check=False,
        )  # fmt: skip


def find_runtime(choice: str) -> ContainerRuntime:
    """Return the container engine that answers.

    Args:
        choice: one of `CHOICES`; `auto` takes the first that answers.

    Raises:
        NoRuntimeError: none does.
    """
    if choice == NONE:
        raise NoRuntimeError("--engine none")
    refusals = []
    for program in _PROGRAMS if choice == AUTO else (choice,):
        try:
            return _ask(program)
        except NoRuntimeError as error:
            refusals.append(f"{program}: {error}")
    raise NoRuntimeError("; ".join(refusals))


def _ask(program: str) -> ContainerRuntime:
    if shutil.which(program) is None:
        raise NoRuntimeError("not found on PATH")
    try:
        answer = subprocess.run(
            [program, "info", "--format", _QUESTIONS[program]],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NoRuntimeError(f"no answer within {_ANSWER_SECONDS} seconds") from None
    # Some versions of `docker info` succeed without a daemon, and have no version to tell.
    version, _, security = answer.stdout.partition(" ")
    if answer.returncode != 0 or not version.strip():
        raise NoRuntimeError(answer.stderr.strip() or "no answer")
    return ContainerRuntime(program=program, rootless=_ROOTLESS[program] in security)
