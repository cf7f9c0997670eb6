"""Names of buckets and objects, `gs://` URIs, and the files that they stand for.

https://cloud.google.com/storage/docs/buckets#naming and https://cloud.google.com/storage/docs/objects#naming
"""

from __future__ import annotations

import re
from pathlib import Path

from emulator.errors import InvalidArgument

MAX_OBJECT_NAME_BYTES = 1024
_MAX_FILE_NAME_BYTES = 255
_SCHEME = "gs://"
_BUCKET = re.compile(r"[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]")


def is_bucket_name(name: str) -> bool:
    """Return True if a bucket, or a folder among the buckets, may have this name."""
    return _BUCKET.fullmatch(name) is not None and ".." not in name


def check_bucket_name(name: str) -> None:
    """Check a bucket's name.

    Raises:
        InvalidArgument: it can't.
    """
    if not is_bucket_name(name):
        raise InvalidArgument(f"Invalid bucket name: '{name}'")


def is_folder(name: str) -> bool:
    """Return True if an object stands for a folder: `x/` is kept as the folder `x`."""
    return name.endswith("/")


def object_path(bucket: Path, name: str) -> Path:
    """Return the file of an object, inside its bucket's folder for any name.

    Raises:
        InvalidArgument: no object, or no file, may be called so.
    """
    segments = name.removesuffix("/").split("/")
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"Object name: expected Unicode text, received {name!r}") from error
    if length > MAX_OBJECT_NAME_BYTES:
        raise InvalidArgument(f"Object name: expected at most 1024 bytes of UTF-8, received {name[:80]!r}...")
    if any(segment in {"", ".", ".."} for segment in segments) or any(mark in name for mark in "\0\r\n"):
        raise InvalidArgument(f"Object name: expected names between single slashes, received {name!r}")
    if any(len(segment.encode()) > _MAX_FILE_NAME_BYTES for segment in segments):
        raise InvalidArgument("Object name: the emulator takes at most 255 bytes between two slashes")
    return bucket.joinpath(*segments)


def split_uri(uri: str) -> tuple[str, str]:
    """Return the names of the bucket and of the object in a `gs://` URI.

    Raises:
        InvalidArgument: it is no such URI, or no bucket or object may be called so.
    """
    bucket, _, name = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME):
        raise InvalidArgument(f"expected {_SCHEME}BUCKET/OBJECT, received {uri!r}")
    check_bucket_name(bucket)
    object_path(Path(), name)
    return bucket, name


def uri_path(buckets: Path, uri: str) -> Path:
    """Return the file of an object, inside its bucket's folder for any URI.

    Args:
        buckets: the folder whose folders are buckets.
        uri: `gs://BUCKET/OBJECT`.

    Raises:
        InvalidArgument: it is no such URI, no bucket or object may be called so, or a symbolic link on the
            way to the file leads out of its bucket.
    """
    bucket, name = split_uri(uri)
    path = object_path(buckets / bucket, name)
    if not path.resolve().is_relative_to(buckets.resolve() / bucket):
        raise InvalidArgument(f"{uri}: a symbolic link leads out of the bucket")
    return path
