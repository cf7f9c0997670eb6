"""Resumable uploads: sessions on the disk, and requests that continue where the last one ended.

Of an upload, `<id>.json` says what it is to become and `<id>.part` holds what has arrived. Finishing it
renames the part into its bucket: a session without a part is finished.
https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from emulator.errors import ApiError, InvalidArgument, Unavailable
from emulator.json_bodies import read_body
from emulator.storage.checksums import Checksums, Digests, Spool
from emulator.storage.errors import NoSuchUpload
from emulator.storage.metadata import ObjectMetadata, StoredObject
from emulator.storage.preconditions import Preconditions
from emulator.storage.store import ObjectStore
from emulator.storage.wire import announced_digests

LIFETIME_SECONDS = 7 * 24 * 3600
"""https://cloud.google.com/storage/docs/resumable-uploads#session-uris"""

_ID = re.compile("[0-9a-f]{32}")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,19})-(?:\d{1,19}|\*)|\*)/(\d{1,19}|\*)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class UploadSession:
    """Session of a resumable upload.

    Attributes:
        bucket: the bucket's name.
        name: the object's name.
        metadata: its metadata.
        announced: the checksums that the content must have.
        conditions: preconditions on the object that is replaced.
        size: bytes of the whole; `None` where it isn't known yet.
    """

    bucket: str
    name: str
    metadata: ObjectMetadata
    announced: Digests
    conditions: Preconditions
    size: int | None


class UploadSessions:
    """Store of upload sessions in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, session: UploadSession) -> str:
        """Begin an upload; returns its id."""
        upload_id = uuid.uuid4().hex
        self.part(upload_id).touch()
        document = self._document(upload_id)
        temporary = document.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(session)))
        temporary.replace(document)
        return upload_id

    def get(self, upload_id: str) -> UploadSession:
        """Return the session of an upload.

        Raises:
            NoSuchUpload: there is none.
        """
        try:
            document = json.loads(self._document(upload_id).read_text())
        except FileNotFoundError:
            raise NoSuchUpload(upload_id) from None
        return _from_json(document)

    def part(self, upload_id: str) -> Path:
        """Return the file of the received bytes; it doesn't exist once the upload is finished.

        Raises:
            NoSuchUpload: no upload may have this id.
        """
        if not _ID.fullmatch(upload_id):
            raise NoSuchUpload(upload_id)
        return self._folder / f"{upload_id}.part"

    def remove(self, upload_id: str) -> None:
        """Remove an upload and its received bytes."""
        self._document(upload_id).unlink(missing_ok=True)
        self.part(upload_id).unlink(missing_ok=True)

    def remove_expired(self) -> None:
        """Remove uploads that have expired."""
        oldest = time.time() - LIFETIME_SECONDS
        for path in self._folder.iterdir():
            if path.stat().st_mtime < oldest:
                path.unlink()

    def _document(self, upload_id: str) -> Path:
        return self.part(upload_id).with_suffix(".json")


def _from_json(document: dict[str, Any]) -> UploadSession:
    return UploadSession(
        **{
            **document,
            "metadata": ObjectMetadata(**document["metadata"]),
            "announced": Digests(**document["announced"]),
            "conditions": Preconditions(**document["conditions"]),
        }
    )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of an upload.

    Attributes:
        received: bytes.
        finished: the object that it became; `None` before.
    """

    received: int
    finished: StoredObject | None = None


@dataclass(frozen=True, kw_only=True)
class ContentRange:
    """Content-Range header of a request.

    Attributes:
        first: the first byte's place, from 0; `None` if the request only asks how far the upload is.
        total: bytes of the whole; `None` where it isn't known yet.
    """

    first: int | None
    total: int | None

    @classmethod
    def from_header(cls, text: str) -> ContentRange:
        """Parse a Content-Range header.

        Raises:
            InvalidArgument: it is none.
        """
        found = _CONTENT_RANGE.fullmatch(text.strip())
        if found is None:
            raise InvalidArgument(f"Content-Range: expected 'bytes first-last/total', received {text!r}")
        first, total = found.groups()
        return cls(first=int(first) if first else None, total=None if total == "*" else int(total))


class ResumableUploads:
    """Resumable uploads of a store; one request at a time writes to each."""

    def __init__(self, store: ObjectStore, sessions: UploadSessions) -> None:
        self._store = store
        self._sessions = sessions
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # A saving: made anew from the file after a restart, or when a write failed half-way.
        self._checksums: dict[str, Checksums] = {}

    def begin(self, session: UploadSession) -> str:
        """Begin an upload; returns its id.

        Raises:
            ApiError: the object may not be written; as `ObjectStore.check` does.
        """
        self._store.check(session.bucket, session.name, session.conditions)
        return self._sessions.create(session)

    async def receive(self, upload_id: str, request: Request) -> Progress:
        """Append a request's bytes, if any, and finish the upload when it is complete.

        Bytes received before a connection breaks are kept.

        Raises:
            NoSuchUpload: there is none.
            InvalidArgument: the request contradicts the upload.
            Unavailable: bytes are missing between what arrived before and what comes now.
            ChecksumMismatch: the content isn't what was announced.
            ApiError: as `ObjectStore.commit` does.
        """
        header = request.headers.get("content-range")
        wanted = ContentRange.from_header(header) if header else None
        async with self._locks.setdefault(upload_id, asyncio.Lock()):
            session = await run_in_threadpool(self._sessions.get, upload_id)
            part = self._sessions.part(upload_id)
            if not part.exists():
                found = await run_in_threadpool(self._store.get, session.bucket, session.name)
                return Progress(received=found.size, finished=found)
            first = wanted.first if wanted else 0
            if first is not None:
                await self._append(upload_id, part, request, first)
            elif await read_body(request):
                raise InvalidArgument("Content-Range: expected a range for a body, received a status query")
            received = part.stat().st_size
            total = wanted.total if wanted else received
            expected = {size for size in (total, session.size) if size is not None}
            if len(expected) > 1 or received > min(expected, default=received):
                raise InvalidArgument(
                    f"Upload of {session.name}: expected {expected} bytes, received {received}"
                )
            if total is None or received < total:
                return Progress(received=received)
            return await self._finish(upload_id, session, part, announced_digests(request.headers))

    async def cancel(self, upload_id: str) -> None:
        """Cancel an upload.

        Raises:
            NoSuchUpload: there is none.
        """
        async with self._locks.setdefault(upload_id, asyncio.Lock()):
            await run_in_threadpool(self._sessions.get, upload_id)
            self._checksums.pop(upload_id, None)
            await run_in_threadpool(self._sessions.remove, upload_id)

    async def _append(self, upload_id: str, part: Path, request: Request, first: int) -> None:
        received = part.stat().st_size
        if first > received:
            raise Unavailable(f"Upload: expected bytes from {received} on, received them from {first} on")
        checksums = await run_in_threadpool(self._take_checksums, upload_id, part)
        spool = Spool(part, checksums)
        known = received - first
        try:
            async for data in request.stream():
                fresh, known = data[known:], max(0, known - len(data))
                await spool.write(fresh)
        finally:
            try:
                await run_in_threadpool(spool.flush)  # also of a request that broke off
            finally:
                spool.close()
                self._checksums[upload_id] = checksums

    async def _finish(
        self, upload_id: str, session: UploadSession, part: Path, announced: Digests
    ) -> Progress:
        checksums = await run_in_threadpool(self._take_checksums, upload_id, part)
        digests = checksums.digests()
        try:
            session.announced.check(digests)
            announced.check(digests)
            finished = await run_in_threadpool(
                self._store.commit, part, session.bucket, session.name, digests=digests,
                metadata=session.metadata, conditions=session.conditions,
            )  # fmt: skip
        except ApiError:
            await run_in_threadpool(self._sessions.remove, upload_id)
            raise
        return Progress(received=finished.size, finished=finished)

    def _take_checksums(self, upload_id: str, part: Path) -> Checksums:
        known = self._checksums.pop(upload_id, None)
        if known is not None and known.size == part.stat().st_size:
            return known
        with part.open("rb") as file:
            return Checksums.of(file)
