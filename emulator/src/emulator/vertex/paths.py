"""Validation of names and URIs from requests before they become paths; none leaves its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from emulator.errors import InvalidArgument
from emulator.storage.names import split_uri, uri_path


def child_path(folder: Path, name: str) -> Path:
    """Return the path of an entry of a folder.

    Raises:
        InvalidArgument: the name is empty, `.`, `..` or a path, or that of a symbolic link out of the folder.
    """
    path = folder / name
    if name in {"", ".", ".."} or "\0" in name or path.parent != folder or path.name != name:
        raise InvalidArgument(f"expected the name of a file or folder, received {name!r}")
    if path.resolve().parent != folder.resolve():
        raise InvalidArgument(f"{name} leads out of its folder")
    return path


def remove_child(folder: Path, name: str) -> None:
    """Remove an entry of a folder with all that it holds; links are removed, never followed.

    Raises:
        InvalidArgument: the name is empty, `.`, `..` or a path.
    """
    path = folder / name
    if path.is_symlink() and path.parent == folder:
        path.unlink()
    else:
        shutil.rmtree(child_path(folder, name), ignore_errors=True)


def check_folder_uri(uri: str, field: str) -> None:
    """Refuse a URI that can't be that of a bucket or of a folder in it.

    Raises:
        InvalidArgument: it can't; the message names the field.
    """
    try:
        split_uri(_object_in(uri))
    except InvalidArgument as error:
        raise InvalidArgument(f"{field}: expected gs://BUCKET/..., received {uri!r}") from error


def check_object_uri(uri: str, field: str) -> None:
    """Refuse a URI that can't be an object's.

    Raises:
        InvalidArgument: it can't; the message names the field.
    """
    try:
        split_uri(uri)
    except InvalidArgument as error:
        raise InvalidArgument(f"{field}: expected gs://BUCKET/OBJECT, received {uri!r}") from error


def check_folder(buckets: Path, uri: str, field: str) -> None:
    """Refuse a folder of Cloud Storage that holds no object.

    Raises:
        InvalidArgument: it is no folder's URI, or nothing is below it; the message names the field.
    """
    check_folder_uri(uri, field)
    try:
        folder = uri_path(buckets, _object_in(uri)).parent
    except InvalidArgument as error:
        raise InvalidArgument(f"{field}: {error.message}") from error
    if not folder.is_dir() or not any(folder.iterdir()):
        raise InvalidArgument(f"{field}: expected a folder with objects, received {uri!r}")


def _object_in(folder_uri: str) -> str:
    # A folder's URI may end with a slash or not.
    return f"{folder_uri.rstrip('/')}/object"
