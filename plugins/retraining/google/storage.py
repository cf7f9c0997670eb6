"""Objects of Cloud Storage: read, write, list, and many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from contract.naming import SCHEME, split_uri
from contract.validation import JsonFile
from retraining.google import STORAGE_CONNECTIONS

if TYPE_CHECKING:
    from datetime import datetime

    from google.cloud import storage

    from retraining.google import Clients

_LEAST_THREADS = 16
_CHUNK_BYTES = 16 << 20
"""Of a large file in memory; the client's own are of 100 MiB."""
_MEMORY_BYTES = 64 << 20

Item = TypeVar("Item")
Artifact = TypeVar("Artifact", bound=JsonFile)


@dataclass(frozen=True, kw_only=True, order=True, slots=True)
class RawObject:
    """One raw file or object.

    Attributes:
        name: its path within the source, with slashes.
        size: bytes.
        crc32c: its checksum as Cloud Storage writes it, base64.
        generation: the object's generation; None for a file. It says nothing of the content.
    """

    name: str
    size: int
    crc32c: str
    generation: int | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class FolderUsage:
    """Content of a folder.

    Attributes:
        objects: their number.
        last_write: when the newest of them was written; None without any.
    """

    objects: int
    last_write: datetime | None


class ContentChangedError(Exception):
    """A file or an object is no longer what it was when it was described; the message names it."""


class Storage:
    """Cloud Storage through one connection; every method takes `gs://` URIs."""

    def __init__(self, clients: Clients) -> None:
        self._client = clients.storage

    def exists(self, uri: str) -> bool:
        """Return True if there is such an object."""
        found: bool = self._blob(uri).exists()
        return found

    def read_text(self, uri: str) -> str:
        """Return the text of an object.

        Raises:
            FileNotFoundError: there is no such object.
        """
        from google.api_core.exceptions import NotFound

        try:
            text: str = self._blob(uri).download_as_text(encoding="utf-8")
        except NotFound as error:
            raise FileNotFoundError(f"{uri} does not exist") from error
        return text

    def read_bytes(self, uri: str, *, first: int | None = None) -> bytes:
        """Return the content of an object.

        Args:
            uri: the object.
            first: how many bytes of it at most; by default all.

        Raises:
            FileNotFoundError: there is no such object.
        """
        from google.api_core.exceptions import NotFound, RequestRangeNotSatisfiable

        end = None if first is None else first - 1
        try:
            content: bytes = self._blob(uri).download_as_bytes(end=end)
        except NotFound as error:
            raise FileNotFoundError(f"{uri} does not exist") from error
        except RequestRangeNotSatisfiable:
            return b""  # an empty object has no first byte
        return content

    def read_artifact(self, folder: str, artifact: type[Artifact]) -> Artifact:
        """Return the content of an artifact's file in a folder.

        Raises:
            FileNotFoundError: there is no such object.
            ContractError: it is no such file.
        """
        return artifact.from_text(self.read_text(folder + artifact.FILENAME))

    def write_artifact(self, folder: str, artifact: JsonFile) -> None:
        """Write an artifact's file into a folder, in place of an older one."""
        self.write_text(folder + artifact.FILENAME, artifact.to_text())

    def write_text(self, uri: str, text: str) -> None:
        """Write an object of JSON, in place of an older one."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        # A repeated write has the same bytes.
        self._blob(uri).upload_from_string(text, content_type="application/json", retry=DEFAULT_RETRY)

    def create_text(self, uri: str, text: str) -> bool:
        """Write an object of JSON where there is none.

        Returns:
            False if there is an object of this name; it stays as it is. A retry of the client after a lost
            answer finds its own, so the caller looks.
        """
        from google.api_core.exceptions import PreconditionFailed
        from google.cloud.storage.retry import DEFAULT_RETRY

        try:
            self._blob(uri).upload_from_string(
                text, content_type="application/json", if_generation_match=0, retry=DEFAULT_RETRY
            )
        except PreconditionFailed:
            return False
        return True

    def touch(self, uri: str) -> None:
        """Make an empty object, or leave the one of this name."""
        from google.api_core.exceptions import PreconditionFailed

        with suppress(PreconditionFailed):
            self._blob(uri).upload_from_string(b"", if_generation_match=0)

    def delete(self, uri: str) -> None:
        """Delete an object; one that is gone already is no error."""
        from google.api_core.exceptions import NotFound

        with suppress(NotFound):
            self._blob(uri).delete()

    def list(self, folder: str) -> list[RawObject]:
        """Return the objects below a folder, named relative to it, without folders' placeholders."""
        return [*self.objects(folder)]

    def objects(self, folder: str) -> Iterator[RawObject]:
        """Yield the objects of `list`, a page of a thousand at a time in memory."""
        bucket, prefix = split_uri(folder)
        fields = "items(name,size,crc32c,generation),nextPageToken"
        for blob in self._client.list_blobs(bucket, prefix=prefix, fields=fields):
            if not blob.name.endswith("/"):
                yield RawObject(
                    name=blob.name.removeprefix(prefix),
                    size=blob.size,
                    crc32c=blob.crc32c,
                    generation=blob.generation,
                )

    def matching(self, folder: str, pattern: str) -> Sequence[str]:
        """Return the names, relative to a folder, of the objects below it that match a glob.

        https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
        """
        bucket, prefix = split_uri(folder)
        fields = "items(name),nextPageToken"
        found = self._client.list_blobs(bucket, prefix=prefix, match_glob=prefix + pattern, fields=fields)
        return [blob.name.removeprefix(prefix) for blob in found]

    def describe(self, uri: str, name: str) -> RawObject | None:
        """Return an object by another name; None if there is none."""
        bucket, path = split_uri(uri)
        blob = self._client.bucket(bucket).get_blob(path)
        if blob is None:
            return None
        return RawObject(name=name, size=blob.size, crc32c=blob.crc32c, generation=blob.generation)

    def folders(self, parent: str) -> Sequence[str]:
        """Return the names of the folders directly below a folder."""
        bucket, prefix = split_uri(parent)
        listed = self._client.list_blobs(bucket, prefix=prefix, delimiter="/")
        list(listed)  # the prefixes are known once all pages are
        return sorted(name.removeprefix(prefix).rstrip("/") for name in listed.prefixes)

    def usage(self, folder: str) -> FolderUsage:
        """Return the number of objects below a folder, and the time of the last write."""
        bucket, prefix = split_uri(folder)
        fields = "items(name,updated),nextPageToken"
        times = [blob.updated for blob in self._client.list_blobs(bucket, prefix=prefix, fields=fields)]
        return FolderUsage(objects=len(times), last_write=max(times, default=None))

    def written_before(self, folder: str, time: datetime) -> Sequence[str]:
        """Return the URIs of the objects below a folder that were written before a time."""
        bucket, prefix = split_uri(folder)
        fields = "items(name,updated),nextPageToken"
        listed = self._client.list_blobs(bucket, prefix=prefix, fields=fields)
        return [f"{SCHEME}{bucket}/{blob.name}" for blob in listed if blob.updated < time]

    def remove(self, folder: str) -> None:
        """Delete every object below a folder; an object that is gone already is no error."""
        from google.api_core.exceptions import NotFound

        def delete(blob: storage.Blob) -> None:
            with suppress(NotFound):
                blob.delete()

        bucket, prefix = split_uri(folder)
        in_parallel(delete, self._client.list_blobs(bucket, prefix=prefix))

    def upload(self, file: str, uri: str, *, crc32c: str, replaced: int = 0) -> None:
        """Upload a file whose content is known; the service refuses any other content.

        Args:
            file: the file's path.
            uri: the object.
            crc32c: the checksum that the content must have, base64.
            replaced: generation of the object to replace; 0 for a name without one. An object of another
                generation stays as it is.

        Raises:
            ContentChangedError: the file has another content now.
        """
        from google.api_core.exceptions import BadRequest, PreconditionFailed

        blob = self._blob(uri)
        blob.chunk_size = _CHUNK_BYTES
        blob.crc32c = crc32c
        try:
            # The client's own checksum, in place of ours, would be that of whatever it reads.
            blob.upload_from_filename(file, if_generation_match=replaced, checksum=None)
        except PreconditionFailed:
            return  # another try, or an answer that was lost, made it
        except FileNotFoundError as error:
            raise ContentChangedError(f"{file}: deleted before it was uploaded") from error
        except BadRequest as error:
            if "crc32c" not in str(error).lower():
                raise
            raise ContentChangedError(f"{file}: changed before it was uploaded") from error

    def copy(
        self, source: str, destination: str, *, generation: int | None = None, replaced: int = 0
    ) -> None:
        """Copy a generation of an object within Cloud Storage.

        Args:
            source: the object to copy.
            destination: the copy.
            generation: the source's generation; None for whichever is live.
            replaced: generation of the object to replace, as of `upload`.

        Raises:
            ContentChangedError: the source has another generation now, or is gone.
        """
        from google.api_core.exceptions import NotFound, PreconditionFailed

        token = None
        target, origin = self._blob(destination), self._blob(source)
        try:
            while True:
                token, _, _ = target.rewrite(
                    origin,
                    token=token,
                    if_generation_match=replaced,
                    if_source_generation_match=generation,
                )
                if token is None:
                    return
        except NotFound as error:
            raise ContentChangedError(f"{source}: deleted while it was copied") from error
        except PreconditionFailed as error:
            # Of the copy, which another try made, or of the source?
            found = self._client.bucket(origin.bucket.name).get_blob(origin.name)
            if generation is not None and (found is None or found.generation != generation):
                raise ContentChangedError(f"{source}: changed while it was copied") from error

    def download(self, uri: str, file: str) -> None:
        """Download an object to a file."""
        self._blob(uri).download_to_filename(file)

    def _blob(self, uri: str) -> storage.Blob:
        bucket, name = split_uri(uri)
        return self._client.bucket(bucket).blob(name)


def in_parallel(
    work: Callable[[Item], None],
    items: Iterable[Item],
    *,
    done: Callable[[Item], None] = lambda _: None,
    item_bytes: int = 0,
) -> None:
    """Do work for every item in threads; the first error ends it.

    A request waits for the service for most of its time, so there are many; those with much content in memory
    are fewer.

    Args:
        work: called in a thread for each item.
        items: what to work on.
        done: called in the caller's thread after each.
        item_bytes: memory that an item takes meanwhile, about.
    """
    threads = min(STORAGE_CONNECTIONS, max(_LEAST_THREADS, _MEMORY_BYTES // max(item_bytes, 1)))
    with ThreadPoolExecutor(threads, thread_name_prefix="storage") as pool:
        pending: dict[Future[None], Item] = {}

        def collect(until: int) -> None:
            while len(pending) > until:
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    item = pending.pop(future)
                    future.result()
                    done(item)

        try:
            for item in items:  # of a million, not one each is waiting in memory
                pending[pool.submit(work, item)] = item
                collect(2 * threads)
            collect(0)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
