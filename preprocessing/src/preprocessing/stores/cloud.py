"""Objects of Cloud Storage without a mount, on Dataflow workers for instance."""

from __future__ import annotations

import base64
import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from contract.naming import SCHEME
from preprocessing.stores.base import Entry, UnreadableError

_READERS = 32
_RANGE_BYTES = 8 << 20


@functools.cache
def _client() -> Any:
    """Return the client of the process: its credentials and connections are shared by all threads."""
    import google.auth
    import requests.adapters
    from google.cloud import storage

    # Where an emulator's host is named, a client without credentials would be anonymous.
    credentials, _ = google.auth.default(scopes=storage.Client.SCOPE)
    client = storage.Client(credentials=credentials)
    # The default pool keeps 10 connections and drops the others after each request.
    adapter = requests.adapters.HTTPAdapter(pool_connections=_READERS, pool_maxsize=_READERS)
    for scheme in ("https://", "http://"):
        client._http.mount(scheme, adapter)
    return client


def _bucket_and_name(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix(SCHEME).partition("/")
    return bucket, name


def _blob(uri: str) -> Any:
    bucket, name = _bucket_and_name(uri)
    return _client().bucket(bucket).blob(name)


class CloudStore:
    """Objects of Cloud Storage; the client retries transient errors."""

    readers = _READERS

    def folders(self, uri: str) -> list[str]:
        """Return the names of the common prefixes below a prefix."""
        bucket, prefix = _bucket_and_name(uri.rstrip("/") + "/")
        pages = _client().list_blobs(bucket, prefix=prefix, delimiter="/", fields="prefixes,nextPageToken")
        prefixes = {found for page in pages.pages for found in page.prefixes}
        return sorted(found.removeprefix(prefix).rstrip("/") for found in prefixes)

    def files(self, uri: str, *, recursive: bool) -> Iterator[Entry]:
        """Yield the objects below a prefix; the empty objects that consoles make for folders are no files."""
        bucket, prefix = _bucket_and_name(uri.rstrip("/") + "/")
        blobs = _client().list_blobs(
            bucket,
            prefix=prefix,
            delimiter=None if recursive else "/",
            fields="items(name,size),nextPageToken",
        )
        for blob in blobs:
            if not blob.name.endswith("/"):
                yield Entry(blob.name.removeprefix(prefix), blob.size)

    def size(self, uri: str) -> int:
        """Return the size of an object in bytes."""
        blob = self._existing(uri)
        if blob is None:
            raise UnreadableError("No such object")
        size: int = blob.size
        return size

    def read(self, uri: str, *, size: int | None = None) -> bytes:  # noqa: ARG002 - a download knows its length
        """Return an object's bytes, their checksum verified."""
        from google.api_core.exceptions import Forbidden, NotFound

        try:
            content: bytes = _blob(uri).download_as_bytes()
        except NotFound as error:
            raise UnreadableError("No such object") from error
        except Forbidden as error:
            raise UnreadableError("Permission denied") from error
        return content

    def open(self, uri: str) -> BinaryIO:
        """Open an object as a stream that fetches a range at a time."""
        if self._existing(uri) is None:
            raise UnreadableError("No such object")
        # Raw: an object stored with `Content-Encoding: gzip` has the bytes that its listed size counts.
        stream: BinaryIO = _blob(uri).open("rb", chunk_size=_RANGE_BYTES, raw_download=True)
        return stream

    def exists(self, uri: str) -> bool:
        """Return True if there is an object of this name."""
        return self._existing(uri) is not None

    def crc32c(self, uri: str) -> bytes:
        """Return the CRC32C that the service keeps of an object."""
        blob = _blob(uri)
        blob.reload()
        return base64.b64decode(blob.crc32c)

    def scratch_folder(self, uri: str) -> Path:  # noqa: ARG002 - the same for all objects
        """Return the machine's own folder for temporary files."""
        return Path(tempfile.gettempdir())

    def create(self, path: Path, uri: str) -> bool:
        """Upload a scratch file to a name that nothing has yet, and delete it."""
        from google.api_core.exceptions import PreconditionFailed

        try:
            _blob(uri).upload_from_filename(str(path), if_generation_match=0, checksum="crc32c")
        except PreconditionFailed:
            return False
        path.unlink()
        return True

    def replace(self, path: Path, uri: str) -> None:
        """Upload a scratch file, and delete it."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        # Safe to send twice: whoever writes this name writes it whole.
        _blob(uri).upload_from_filename(str(path), checksum="crc32c", retry=DEFAULT_RETRY)
        path.unlink()

    def remove(self, uri: str) -> None:
        """Delete an object, if it is there."""
        from google.api_core.exceptions import NotFound

        try:
            _blob(uri).delete()
        except NotFound:
            return

    def _existing(self, uri: str) -> Any:
        from google.api_core.exceptions import Forbidden

        bucket, name = _bucket_and_name(uri)
        try:
            return _client().bucket(bucket).get_blob(name)
        except Forbidden as error:
            raise UnreadableError("Permission denied") from error
