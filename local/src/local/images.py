"""Which container images run as packages on this machine, and which in a container engine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from local.environment import PROJECT, REGION

_REGISTRY = f"{REGION}-docker.pkg.dev/{PROJECT}"
_MODULES = {
    "perennial/trainer": "trainer.task",
    "perennial/serving": "serving.main",
    "perennial/autoencoder": "trainer.task",
}
_OWN_IMAGES = ("perennial/autoencoder",)
"""Images that are run as what they are once somebody has built them."""

_ENGINES = ("docker", "podman")
_ANSWER_SECONDS = 10


def image_flags() -> Iterator[str]:
    """The emulator's flags: a module in place of each image that no container engine here holds.

    A dataset whose model comes in an image of its own so runs everywhere; where the image has been built, it
    is the image that runs.
    """
    for name, module in _MODULES.items():
        if name not in _OWN_IMAGES or not _is_built(f"{_REGISTRY}/{name}"):
            yield from ("--image", f"{name}={module}")


def _is_built(repository: str) -> bool:
    """Whether an engine that answers holds an image of this repository, whatever its tag."""
    for engine in _ENGINES:
        command = [engine, "image", "ls", "--quiet", "--filter", f"reference={repository}"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout.strip():
            return True
    return False
