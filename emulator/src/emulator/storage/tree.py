"""Folders below a bucket: object names in their order, and folders that come and go with objects."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from emulator.errors import InvalidArgument
from emulator.storage.errors import PathConflict
from emulator.storage.names import object_path

_LAST = "\U0010ffff"


def walk(
    bucket: Path,
    *,
    folders: Container[str] = (),
    prefix: str = "",
    start: str = "",
    end: str = "",
    shallow: bool = False,
    below: str = "",
) -> Iterator[str]:
    """Yield the names of objects lazily, in the order of Cloud Storage.

    Folders that can't hold a wanted name aren't read. Symbolic links are not followed. What vanishes
    meanwhile is left out.

    Args:
        bucket: the bucket's folder.
        folders: the names, with a slash at their end, of folders that are objects themselves.
        prefix: only names that begin so.
        start: only names from here on.
        end: only names before this one; empty for all.
        shallow: of a folder below the prefix, yield its first name alone.
        below: the folder to begin with: its name with a slash at its end.

    Yields:
        Names relative to the bucket.
    """
    for name in _entries(bucket / below):
        path = below + name
        if end and path >= end:
            return
        is_folder = path.endswith("/")
        wanted = path.startswith(prefix)
        if wanted and path >= start and (not is_folder or path in folders):
            yield path
            if is_folder and shallow and path != prefix:
                continue
        if is_folder and (wanted or prefix.startswith(path)) and path + _LAST >= start:
            inner = walk(
                bucket, folders=folders, prefix=prefix, start=start, end=end, shallow=shallow, below=path
            )
            yield from islice(inner, 1) if shallow and wanted and path != prefix else inner


def make_room(bucket: Path, name: str) -> None:
    """Create the folders that an object's file needs, and remove an empty one in its place.

    Raises:
        PathConflict: another object's file, or a folder with objects in it, stands there.
    """
    path = object_path(bucket, name)
    for ancestor in reversed(path.relative_to(bucket).parents[:-1]):
        if (bucket / ancestor).is_file():
            raise PathConflict(bucket.name, name, other=ancestor.as_posix())
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("/"):
        if path.is_file():
            raise PathConflict(bucket.name, name, other=name.removesuffix("/"))
    elif path.is_dir():
        for other in walk(bucket, below=f"{name}/"):
            raise PathConflict(bucket.name, name, other=other)
        remove_empty(path)


def remove_empty(folder: Path) -> None:
    """Remove a folder and its subfolders, as far as they hold no files."""
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(path).rmdir()


def prune(bucket: Path, name: str, *, keep: Container[str]) -> None:
    """Remove the folders above a deleted object, as far as they are empty.

    Args:
        bucket: the bucket's folder.
        name: the name of the object.
        keep: the names, with a slash at their end, of folders that are objects themselves.
    """
    folder = object_path(bucket, name)
    if not name.endswith("/"):
        folder = folder.parent
    while folder != bucket and f"{folder.relative_to(bucket).as_posix()}/" not in keep:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _entries(folder: Path) -> list[str]:
    """Return the valid object names in a folder; folders' with a slash, which is part of the order."""
    try:
        with os.scandir(folder) as entries:
            names = [
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                for entry in entries
                if not entry.is_symlink()
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if _is_object_name(folder, name))


def _is_object_name(folder: Path, name: str) -> bool:
    try:
        object_path(folder, name)
    except InvalidArgument:
        return False
    return True
