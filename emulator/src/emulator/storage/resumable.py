"""Carries resumable uploads on, from the byte that the last request got to.

https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from emulator.errors import ApiError, InvalidArgument, Unavailable
from emulator.storage.checksums import Checksums, Digests
from emulator.storage.metadata import StoredObject
from emulator.storage.requests import announced_digests
from emulator.storage.spool import Spool
from emulator.storage.store import ObjectStore
from emulator.storage.upload_sessions import UploadSession, UploadSessions

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(?:\d+|\*)|\*)/(\d+|\*)")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an upload is.

    Attributes:
        received: bytes.
        finished: the object that it became; `None` before.
    """

    received: int
    finished: StoredObject | None = None


@dataclass(frozen=True, kw_only=True)
class ContentRange:
    """Where a request's bytes belong.

    Attributes:
        first: the first byte's place, from 0; `None` if the request only asks how far the upload is.
        total: bytes of the whole; `None` where it isn't known yet.
    """

    first: int | None
    total: int | None

    @classmethod
    def from_header(cls, text: str) -> ContentRange:
        """The range in a Content-Range header.

        Raises:
            InvalidArgument: it is none.
        """
        found = _CONTENT_RANGE.fullmatch(text.strip())
        if found is None:
            raise InvalidArgument(f"Content-Range: expected 'bytes first-last/total', received {text!r}")
        first, total = found.groups()
        return cls(first=int(first) if first else None, total=None if total == "*" else int(total))


class ResumableUploads:
    """The resumable uploads of a store; one request at a time writes to each."""

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
        """Take a request's bytes, if any, and finish the upload when it is complete.

        What arrives before a connection breaks is kept.

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
        """Forget an upload.

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
            await spool.close()
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
