"""The rule for what counts as raw data, by a file's path: the same for an upload, a folder and a bucket."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

IgnoredReason = Literal["hidden", "made by a system"]

_SYSTEM_FOLDERS = frozenset({"@eadir", "__macosx", "$recycle.bin", "system volume information"})
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


def ignored_reason(name: str) -> IgnoredReason | None:
    """Return the reason why a file is no raw data; None if it is.

    Files and folders that begin with a dot are hidden, and so is all that lies in such a folder. Others are
    thumbnails and settings that Windows, macOS and network drives leave behind.

    Args:
        name: the path of a file or a folder in the source, with slashes.
    """
    parts = name.rstrip("/").split("/")
    if any(part.startswith(".") for part in parts):
        return "hidden"
    if parts[-1].lower() in _SYSTEM_FILES or any(part.lower() in _SYSTEM_FOLDERS for part in parts):
        return "made by a system"
    return None


def closes_loop(target: str, chain: Collection[str]) -> bool:
    """Return True if a link to a folder leads back to a folder that is being walked.

    Args:
        target: the folder that the link leads to, an absolute path without links.
        chain: the folders that are being walked, likewise: where each link on the way was found and where it
            led to.
    """
    return any(folder == target or folder.startswith(f"{target.rstrip('/')}/") for folder in chain)
