"""What runs in place of a container image: a Python module, by the emulator's image map."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence


class UnmappedImageError(Exception):
    """No module stands for an image, and nothing else runs it."""

    def __init__(self, images: Mapping[str, str], image_uri: str, *, instead: str) -> None:
        """Say so.

        Args:
            images: the emulator's image map.
            image_uri: the image.
            instead: what else there is to be said, as a sentence.
        """
        known = ", ".join(sorted(images)) or "none"
        super().__init__(
            f"The image {image_uri} can't be run here: no --image NAME=MODULE of the emulator stands for it "
            f"(known names: {known}). {instead} To run the same code as a package, start the emulator with "
            f"--image NAME=MODULE, where NAME is the end of {strip_tag(image_uri)}."
        )


def strip_tag(image_uri: str) -> str:
    """An image's URI without its tag and digest."""
    head, separator, last = image_uri.partition("@")[0].rpartition("/")
    return head + separator + last.partition(":")[0]


def find_module(images: Mapping[str, str], image_uri: str) -> str | None:
    """The module that stands for an image; `None` if none does.

    Args:
        images: the end of an image's URI without its tag -> the module; the longest that fits counts.
        image_uri: the container's image.
    """
    uri = strip_tag(image_uri)
    fitting = [name for name in images if uri == name or uri.endswith(f"/{name}")]
    return images[max(fitting, key=len)] if fitting else None


def module_argv(module: str, *, command: Sequence[str], args: Sequence[str]) -> list[str]:
    """The command line of a module that stands for an image.

    Args:
        module: the module; it stands for the image's entry point.
        command: replaces the entry point, if not empty; `python` in it is this interpreter.
        args: the arguments of either.
    """
    if not command:
        return [sys.executable, "-m", module, *args]
    program = sys.executable if command[0] in ("python", "python3") else command[0]
    return [program, *command[1:], *args]
