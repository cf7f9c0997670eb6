"""Multipart uploads of the XML API: parts in any order and at the same time, composed at the end.

A part is a file below `ROOT/storage/parts`, recorded in the state when it is there as a whole: parts that
were acknowledged outlive `kill -9`. https://cloud.google.com/storage/docs/multipart-uploads
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool

from emulator.errors import InvalidArgument
from emulator.state import State
from emulator.storage.checksums import BLOCK_BYTES, Checksums, Digests, Spool
from emulator.storage.content import temporary_file
from emulator.storage.errors import EntityTooSmall, InvalidPart, InvalidPartOrder, NoSuchUpload
from emulator.storage.metadata import ObjectMetadata, StoredObject, now_microseconds
from emulator.storage.preconditions import Preconditions
from emulator.storage.store import ObjectStore

MAX_PARTS = 10_000
MIN_PART_BYTES = 5 << 20
"""https://cloud.google.com/storage/quotas#requests; the last part may be smaller."""

_UPLOAD = "multipart"
_PART_NUMBER = re.compile("[0-9]{1,5}")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Part of an upload.

    Attributes:
        number: its place, from 1.
        file: the name of its file.
        size: bytes.
        md5: base64.
        crc32c: base64, big-endian.
        updated: when it was received, microseconds since 1970.
    """

    number: int
    file: str
    size: int
    md5: str
    crc32c: str
    updated: int

    @property
    def etag(self) -> str:
        """Etag: the MD5 in hexadecimal, between quotes."""
        return f'"{base64.b64decode(self.md5).hex()}"'


def part_number(text: str) -> int:
    """Parse the number of a part.

    Raises:
        InvalidArgument: it is none from 1 to 10,000.
    """
    if not _PART_NUMBER.fullmatch(text) or not 1 <= int(text) <= MAX_PARTS:
        raise InvalidArgument(f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive.")
    return int(text)


class MultipartUploads:
    """Store of multipart uploads; every method may be called from any thread.

    Methods with an upload's id raise `NoSuchUpload` for one that was completed, was aborted or never existed,
    and for an upload of another object.
    """

    def __init__(self, store: ObjectStore, state: State, folder: Path) -> None:
        """Make a store.

        Args:
            store: gets the objects.
            state: holds a document for each upload and each part.
            folder: a folder for the parts, on the same filesystem as the buckets.
        """
        self._store = store
        self._state = state
        self._folder = folder

    def initiate(self, bucket: str, name: str, metadata: ObjectMetadata) -> str:
        """Begin an upload; returns its id."""
        self._store.check(bucket, name, Preconditions())
        upload_id = uuid.uuid4().hex
        document = {"id": upload_id, "bucket": bucket, "name": name, "metadata": asdict(metadata)}
        self._state.put(_UPLOAD, upload_id, document)
        return upload_id

    async def put_part(
        self,
        bucket: str,
        name: str,
        upload_id: str,
        *,
        number: int,
        content: AsyncIterator[bytes],
        announced: Digests,
    ) -> Part:
        """Receive a part, which replaces one of the same number.

        Raises:
            ChecksumMismatch: the content isn't what was announced.
        """
        await run_in_threadpool(self._metadata, bucket, name, upload_id)
        checksums = Checksums()
        with temporary_file(self._store) as path:
            spool = Spool(path, checksums)
            try:
                async for data in content:
                    await spool.write(data)
                await run_in_threadpool(spool.flush)
            finally:
                spool.close()
            digests = checksums.digests()
            announced.check(digests)
            part = Part(
                number=number, file=path.name, size=checksums.size, md5=digests.md5 or "",
                crc32c=digests.crc32c or "", updated=now_microseconds(),
            )  # fmt: skip
            await run_in_threadpool(self._record, bucket, name, upload_id, part, path)
        return part

    def parts(self, bucket: str, name: str, upload_id: str) -> list[Part]:
        """Return the parts received so far, by number."""
        self._metadata(bucket, name, upload_id)
        found = [Part(**document) for document in self._state.list(_kind(upload_id))]
        return sorted(found, key=lambda part: part.number)

    def complete(
        self, bucket: str, name: str, upload_id: str, chosen: Sequence[tuple[int, str]]
    ) -> StoredObject:
        """Compose parts into an object, which has no MD5, as in the service.

        Args:
            bucket: the bucket's name.
            name: the object's name.
            upload_id: the upload's id.
            chosen: the number and the etag of each part.

        Raises:
            InvalidPartOrder: the numbers don't rise.
            InvalidPart: a part wasn't received, or has another etag.
            EntityTooSmall: a part that isn't the last has less than 5 MiB.
        """
        metadata = self._metadata(bucket, name, upload_id)
        received = {part.number: part for part in self.parts(bucket, name, upload_id)}
        numbers = [number for number, _ in chosen]
        if numbers != sorted(set(numbers)):
            raise InvalidPartOrder
        parts = [received.get(number) for number in numbers]
        found = [
            part
            for part, (_, etag) in zip(parts, chosen, strict=True)
            if part is not None and part.etag.strip('"') == etag.strip('"')
        ]
        if not chosen or len(found) < len(chosen):
            raise InvalidPart
        if any(part.size < MIN_PART_BYTES for part in found[:-1]):
            raise EntityTooSmall
        checksums = Checksums()
        with temporary_file(self._store) as path:
            with path.open("wb") as target:
                for part in found:
                    with self._open(upload_id, part) as file:
                        while block := file.read(BLOCK_BYTES):
                            checksums.update(block)
                            target.write(block)
            composed = self._store.commit(
                path, bucket, name, conditions=Preconditions(), metadata=metadata,
                digests=Digests(crc32c=checksums.digests().crc32c),
            )  # fmt: skip
        self._remove(upload_id)
        return composed

    def abort(self, bucket: str, name: str, upload_id: str) -> None:
        """Remove an upload and its parts."""
        self._metadata(bucket, name, upload_id)
        self._remove(upload_id)

    def remove_strays(self) -> None:
        """Remove the files of parts that a killed process left without a record."""
        kept = {
            document["file"]
            for upload in self._state.list(_UPLOAD)
            for document in self._state.list(_kind(upload["id"]))
        }
        for path in self._folder.iterdir():
            if path.name not in kept:
                path.unlink()

    def _metadata(self, bucket: str, name: str, upload_id: str) -> ObjectMetadata:
        document = self._state.get(_UPLOAD, upload_id)
        if document is None or (document["bucket"], document["name"]) != (bucket, name):
            raise NoSuchUpload(upload_id)
        return ObjectMetadata(**document["metadata"])

    def _open(self, upload_id: str, part: Part) -> BinaryIO:
        try:
            return (self._folder / part.file).open("rb")
        except FileNotFoundError:  # aborted meanwhile
            raise NoSuchUpload(upload_id) from None

    def _record(self, bucket: str, name: str, upload_id: str, part: Part, content: Path) -> None:
        with self._state.transaction():
            self._metadata(bucket, name, upload_id)
            replaced = self._state.get(_kind(upload_id), str(part.number))
            content.replace(self._folder / part.file)
            self._state.put(_kind(upload_id), str(part.number), asdict(part))
        if replaced is not None:
            (self._folder / replaced["file"]).unlink(missing_ok=True)

    def _remove(self, upload_id: str) -> None:
        with self._state.transaction():
            parts = self._state.list(_kind(upload_id))
            self._state.delete(_UPLOAD, upload_id)
            for document in parts:
                self._state.delete(_kind(upload_id), str(document["number"]))
        for document in parts:
            (self._folder / document["file"]).unlink(missing_ok=True)


def _kind(upload_id: str) -> str:
    return f"part:{upload_id}"
