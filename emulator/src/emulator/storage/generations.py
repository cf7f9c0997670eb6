"""Records of objects' generations: live ones by the fingerprints of their files, and noncurrent ones.

With Object Versioning, the content of a live object that is replaced or deleted gets a second name (a hard
link) in a folder outside of the buckets: nothing is copied, and a mount of a bucket shows live objects alone.
A version is recorded before the live file goes: after `kill -9` both may be there with the same generation;
the live one counts.
https://cloud.google.com/storage/docs/object-versioning
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from emulator.state import State
from emulator.storage.metadata import ObjectMetadata, StoredObject, now_microseconds
from emulator.storage.names import is_folder

FOLDER_MARK = "folder"


def version_kind(bucket: str) -> str:
    """Return the kind of the documents of a bucket's noncurrent versions."""
    return f"version:{bucket}"


def object_from_json(document: dict[str, Any]) -> StoredObject:
    """Return the object of a document that `dataclasses.asdict` made."""
    return StoredObject(**{**document, "metadata": ObjectMetadata(**document["metadata"])})


def fingerprint(status: os.stat_result) -> str:
    """Return a text that changes whenever a file's content does, and survives its renaming."""
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


class ObjectIndex:
    """Index of the newest entries of every object, as documents of a state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(self, bucket: str, name: str, mark: str) -> StoredObject | None:
        """Return the entry for a file with this fingerprint."""
        entry = self._entries(bucket, name).get(mark)
        return None if entry is None else object_from_json(entry)

    def last_generation(self, bucket: str, name: str) -> int:
        """Return the highest generation since the object was last deleted; 0 if there is none."""
        return max((entry["generation"] for entry in self._entries(bucket, name).values()), default=0)

    def folder_files(self, bucket: str) -> set[str]:
        """Return the names of the files that hold the contents of the bucket's folders."""
        return {document[FOLDER_MARK].get("file", "") for document in self._state.list(f"folder:{bucket}")}

    def folders(self, bucket: str) -> set[str]:
        """Return the names of the bucket's objects that stand for folders, each with a slash at its end."""
        return {document[FOLDER_MARK]["name"] for document in self._state.list(f"folder:{bucket}")}

    def put(self, found: StoredObject, mark: str, *, replaces: str | None = None) -> None:
        """Add the entry of a file with this fingerprint.

        Args:
            found: the object.
            mark: the fingerprint of its file, which may not be in place yet.
            replaces: the fingerprint of the file that is there until then; its entry is kept, so that
                whichever of the two a crash leaves behind is known.
        """
        entries = {k: v for k, v in self._entries(found.bucket, found.name).items() if k == replaces}
        self._state.put(_kind(found.bucket, found.name), found.name, {**entries, mark: asdict(found)})

    def forget(self, bucket: str, name: str) -> None:
        """Remove the entries of a deleted object."""
        self._state.delete(_kind(bucket, name), name)

    def _entries(self, bucket: str, name: str) -> dict[str, dict[str, Any]]:
        return self._state.get(_kind(bucket, name), name) or {}


def _kind(bucket: str, name: str) -> str:
    return f"folder:{bucket}" if is_folder(name) else f"object:{bucket}"


class NoncurrentVersions:
    """Store of noncurrent versions; callers hold the lock of the buckets while they change something."""

    def __init__(self, state: State, folder: Path) -> None:
        """Make a store.

        Args:
            state: gets a document for each version.
            folder: a folder for the contents, on the same filesystem as the buckets.
        """
        self._state = state
        self._folder = folder

    def add(self, found: StoredObject, content: Path | None) -> None:
        """Keep a live object as a noncurrent version.

        Args:
            found: the object.
            content: its file, which may then be replaced or removed; `None` for an object without one.
        """
        file = "" if content is None else uuid.uuid4().hex
        if content is not None:
            os.link(content, self._folder / file, follow_symlinks=False)
        self._put(replace(found, deleted=now_microseconds()), file)

    def find(self, bucket: str, name: str, generation: int) -> StoredObject | None:
        """Return a version, or `None`."""
        entry = self._entries(bucket, name).get(str(generation))
        return None if entry is None else object_from_json(entry["object"])

    def content(self, found: StoredObject) -> Path:
        """Return the file of a version's content.

        Raises:
            FileNotFoundError: it was removed meanwhile.
        """
        entry = self._entries(found.bucket, found.name).get(str(found.generation))
        if entry is None:
            raise FileNotFoundError(found.name)
        return self._folder / entry["file"] if entry["file"] else Path(os.devnull)

    def of(self, bucket: str, name: str) -> list[StoredObject]:
        """Return the versions of an object, by generation."""
        entries = self._entries(bucket, name)
        return [object_from_json(entries[key]["object"]) for key in sorted(entries, key=int)]

    def names(self, bucket: str) -> list[str]:
        """Return the names of objects with versions, in order."""
        documents = self._state.list(version_kind(bucket))
        return sorted(
            entry["object"]["name"] for document in documents for entry in islice(document.values(), 1)
        )

    def change(self, found: StoredObject) -> None:
        """Replace the metadata of a version."""
        self._put(found, self._entries(found.bucket, found.name)[str(found.generation)]["file"])

    def remove(self, found: StoredObject) -> None:
        """Remove a version for good."""
        entries = self._entries(found.bucket, found.name)
        removed = entries.pop(str(found.generation))
        # First the document: a version is never shown without its content.
        if entries:
            self._state.put(version_kind(found.bucket), found.name, entries)
        else:
            self._state.delete(version_kind(found.bucket), found.name)
        if removed["file"]:
            (self._folder / removed["file"]).unlink(missing_ok=True)

    def remove_strays(self, buckets: Iterable[str]) -> None:
        """Remove the contents that a killed process left without a document.

        Args:
            buckets: the names of all buckets.
        """
        kept = {
            entry["file"]
            for bucket in buckets
            for document in self._state.list(version_kind(bucket))
            for entry in document.values()
        }
        for path in self._folder.iterdir():
            if path.name not in kept:
                path.unlink()

    def _entries(self, bucket: str, name: str) -> dict[str, dict[str, Any]]:
        return self._state.get(version_kind(bucket), name) or {}

    def _put(self, found: StoredObject, file: str) -> None:
        entry = {"object": asdict(found), "file": file}
        entries = {**self._entries(found.bucket, found.name), str(found.generation): entry}
        self._state.put(version_kind(found.bucket), found.name, entries)
