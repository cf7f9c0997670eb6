"""Remembers what a file can't say of itself: an object's generation, checksums and metadata.

An entry belongs to a file by inode, size and modification time. A file that another program wrote or edited
has none that fits: its object is described anew. Extended attributes would do too, but not on every system.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from emulator.state import State
from emulator.storage.metadata import ObjectMetadata, StoredObject
from emulator.storage.names import is_folder

FOLDER_MARK = "folder"


def fingerprint(status: os.stat_result) -> str:
    """Changes whenever a file's content does; survives its renaming."""
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


class ObjectIndex:
    """The newest entries of every object, as documents of a state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(self, bucket: str, name: str, mark: str) -> StoredObject | None:
        """The entry for a file with this fingerprint."""
        entry = self._entries(bucket, name).get(mark)
        return None if entry is None else _from_json(entry)

    def last_generation(self, bucket: str, name: str) -> int:
        """The highest generation that was seen since the object was last deleted; 0 if none was."""
        return max((entry["generation"] for entry in self._entries(bucket, name).values()), default=0)

    def folders(self, bucket: str) -> set[str]:
        """The names of the bucket's objects that stand for folders, each with a slash at its end."""
        return {document[FOLDER_MARK]["name"] for document in self._state.list(f"folder:{bucket}")}

    def put(self, found: StoredObject, mark: str, *, replaces: str | None = None) -> None:
        """Enter an object for a file with this fingerprint.

        Args:
            found: the object.
            mark: the fingerprint of its file, which may not be in place yet.
            replaces: the fingerprint of the file that is there until then; its entry is kept, so that
                whichever of the two a crash leaves behind is known.
        """
        entries = {k: v for k, v in self._entries(found.bucket, found.name).items() if k == replaces}
        self._state.put(_kind(found.bucket, found.name), found.name, {**entries, mark: asdict(found)})

    def forget(self, bucket: str, name: str) -> None:
        """Remove the entries of an object that is no more."""
        self._state.delete(_kind(bucket, name), name)

    def _entries(self, bucket: str, name: str) -> dict[str, dict[str, Any]]:
        return self._state.get(_kind(bucket, name), name) or {}


def _kind(bucket: str, name: str) -> str:
    return f"folder:{bucket}" if is_folder(name) else f"object:{bucket}"


def _from_json(document: dict[str, Any]) -> StoredObject:
    return StoredObject(**{**document, "metadata": ObjectMetadata(**document["metadata"])})
