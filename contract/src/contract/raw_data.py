"""The rule for what counts as raw data, by a file's path: the same for an upload, a folder and a bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import ClassVar

from contract.data_contract import DataContract, matches
from contract.naming import SCHEME
from contract.validation import JsonLine

COPIES = "objects"
"""Folder of a snapshot with the files that an image list names."""

HIDDEN, SYSTEM, DOCUMENT = "hidden", "made by a system", "document"
NO_PATTERN, NO_LABEL_FOLDER = "in none of the patterns of files", "in no label's folder"
OTHER_FORMAT, REPEATED = "of another format", "the same with and without .gz"

_SYSTEM_FOLDERS = frozenset({"@eadir", "__macosx", "$recycle.bin", "system volume information"})
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
_DOCUMENTS = frozenset(
    f"{stem}{suffix}"
    for stem in ("readme", "license", "licence")
    for suffix in ("", ".html", ".md", ".pdf", ".rst", ".txt")
)
"""Names, in lower case, of the files that describe data; `license_plates.csv` is data."""
_NO_TABLES = (".json", ".md")


@dataclass(frozen=True, order=True)
class IgnoredFile(JsonLine):
    """A file that is no raw data.

    Attributes:
        uri: the file.
        reason: why it is none.
    """

    FILENAME: ClassVar[str] = "ignored/ignored.jsonl"

    uri: str
    reason: str


def count_reasons(ignored: Iterable[IgnoredFile]) -> dict[str, int]:
    """Return the number of files by reason, the reasons in alphabetical order."""
    return dict(sorted(Counter(file.reason for file in ignored).items()))


def ignored_reason(name: str, contract: DataContract | None = None) -> str | None:
    """Return the reason why a file is no raw data; None if it is.

    Files and folders that begin with a dot are hidden, and so is all that lies in such a folder. Others are
    thumbnails and settings that Windows, macOS and network drives leave behind. Where a contract has patterns
    of files, those decide on all others; else a README or a LICENSE, by its exact name, is no data, and for a
    table neither are `*.json` and `*.md`.

    Args:
        name: the path of a file in the source, with slashes.
        contract: of the dataset; None for the part of the rule that folders and files share.
    """
    parts = name.rstrip("/").split("/")
    if any(part.startswith(".") for part in parts):
        return HIDDEN
    last = parts[-1].lower()
    if last in _SYSTEM_FILES or any(part.lower() in _SYSTEM_FOLDERS for part in parts):
        return SYSTEM
    if contract is None:
        return None
    if contract.files:
        return None if matches(name, contract.files) else NO_PATTERN
    if last in _DOCUMENTS:
        return DOCUMENT
    return OTHER_FORMAT if contract.csv is not None and last.endswith(_NO_TABLES) else None


def is_text(name: str) -> bool:
    """Return False for a file name in another encoding than UTF-8: no object and no record can have it."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def copied_name(written: str) -> str:
    """Return the name in a snapshot of a file that an image list names.

    Args:
        written: the name as the list has it: a `gs://` URI, an absolute path, or one relative to the list.
    """
    kind, path = "list", written
    if written.startswith(SCHEME):
        kind, path = "gs", written.removeprefix(SCHEME)
    elif written.startswith("/"):
        kind = "files"
    parts = ["_" if part == ".." else part for part in path.split("/") if part not in ("", ".")]
    return "/".join((COPIES, kind, *parts))


def closes_loop(target: str, chain: Collection[str]) -> bool:
    """Return True if a link to a folder leads back to a folder that is being walked.

    Args:
        target: the folder that the link leads to, an absolute path without links.
        chain: the folders that are being walked, likewise: where each link on the way was found and where it
            led to.
    """
    return any(folder == target or folder.startswith(f"{target.rstrip('/')}/") for folder in chain)
