"""Paths from the values of requests; none leaves the folder that it is meant for."""

from __future__ import annotations

import shutil
from pathlib import Path

from emulator.config import Config
from emulator.errors import InvalidArgument
from emulator.storage.names import object_path

_SCHEME = "gs://"


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


def check_uri(uri: str, field: str) -> None:
    """Refuse a URI that names no object, folder or bucket of Cloud Storage.

    Raises:
        InvalidArgument: it has another scheme, or a part of its path is empty, `.` or `..`.
    """
    _bucket_path(Path(), uri, field)


class Artifacts:
    """Objects of the emulated Cloud Storage, as files."""

    def __init__(self, config: Config) -> None:
        self._buckets = config.buckets

    def path(self, uri: str, field: str) -> Path:
        """Return the file or folder of a `gs://` URI, which need not exist.

        Raises:
            InvalidArgument: it is no such URI, or a symbolic link on its way leads out of the buckets.
        """
        path = _bucket_path(self._buckets, uri, field)
        if not path.resolve().is_relative_to(self._buckets.resolve()):
            raise InvalidArgument(f"{field}: {uri} leads out of the buckets")
        return path

    def check_folder(self, uri: str, field: str) -> None:
        """Refuse a folder without objects.

        Raises:
            InvalidArgument: it is no `gs://` URI, or there is nothing below it.
        """
        path = self.path(uri, field)
        if not path.is_dir() or not any(path.iterdir()):
            raise InvalidArgument(f"{field}: expected a folder with objects, received {uri!r}")


def _bucket_path(buckets: Path, uri: str, field: str) -> Path:
    try:
        if uri.startswith(_SCHEME):
            return object_path(buckets, uri.removeprefix(_SCHEME))
    except InvalidArgument as error:
        raise InvalidArgument(f"{field}: {error.message}") from error
    raise InvalidArgument(f"{field}: expected gs://BUCKET/..., received {uri!r}")
