"""What runs in place of a container image: a Python module, by the emulator's image map."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence


class UnmappedImageError(Exception):
    """No module stands for an image."""


def strip_tag(image_uri: str) -> str:
    """An image's URI without its tag and digest."""
    head, separator, last = image_uri.partition("@")[0].rpartition("/")
    return head + separator + last.partition(":")[0]


def container_argv(
    images: Mapping[str, str], image_uri: str, *, command: Sequence[str], args: Sequence[str]
) -> list[str]:
    """The command line for a container.

    Args:
        images: the end of an image's URI without its tag -> the module; the longest that fits counts.
        image_uri: the container's image.
        command: replaces the image's entry point, if not empty; `python` in it is this interpreter.
        args: the arguments of either.

    Raises:
        UnmappedImageError: no module stands for the image.
    """
    uri = strip_tag(image_uri)
    fitting = [name for name in images if uri == name or uri.endswith(f"/{name}")]
    if not fitting:
        known = ", ".join(sorted(images)) or "none"
        raise UnmappedImageError(
            f"The image {image_uri} is not emulated: start the emulator with --image NAME=MODULE, where NAME "
            f"is the end of {uri}. Known images: {known}."
        )
    if not command:
        return [sys.executable, "-m", images[max(fitting, key=len)], *args]
    program = sys.executable if command[0] in ("python", "python3") else command[0]
    return [program, *command[1:], *args]
