"""Content of new objects: received in one request, copied, or composed of other objects."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from emulator.errors import InvalidArgument
from emulator.storage.checksums import BLOCK_BYTES, Checksums, Digests, Spool
from emulator.storage.metadata import ObjectMetadata, StoredObject
from emulator.storage.preconditions import Preconditions
from emulator.storage.store import ObjectStore

MAX_COMPONENTS = 32


@dataclass(frozen=True, kw_only=True)
class Source:
    """Source object of a copy, with its preconditions."""

    bucket: str
    name: str
    conditions: Preconditions


@contextmanager
def temporary_file(store: ObjectStore) -> Iterator[Path]:
    """Yield a path for content that is to be committed; uncommitted content is removed."""
    path = store.new_file()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def copy_object(
    store: ObjectStore,
    source: Source,
    bucket: str,
    name: str,
    *,
    metadata: ObjectMetadata | None,
    conditions: Preconditions,
) -> StoredObject:
    """Copy an object, within a bucket or to another.

    Args:
        store: the store of both.
        source: the object to copy.
        bucket: the copy's bucket.
        name: the copy's name.
        metadata: the copy's; `None` for the source's.
        conditions: preconditions on the object that is replaced.

    Raises:
        ApiError: as `ObjectStore` does.
    """
    store.check(bucket, name, conditions)
    found, file = store.open(source.bucket, source.name, source.conditions.generation)
    with file, temporary_file(store) as path:
        source.conditions.check_existing(found)
        with path.open("wb") as target:
            shutil.copyfileobj(file, target, BLOCK_BYTES)
        return store.commit(
            path, bucket, name, conditions=conditions, metadata=metadata or found.metadata,
            digests=Digests(crc32c=found.crc32c, md5=found.md5), component_count=found.component_count,
        )  # fmt: skip


def compose_objects(
    store: ObjectStore,
    sources: Sequence[Source],
    bucket: str,
    name: str,
    *,
    metadata: ObjectMetadata,
    conditions: Preconditions,
) -> StoredObject:
    """Compose objects into one, which has no MD5, as in the service.

    Args:
        store: the store of them all.
        sources: the objects to join, 1 to 32.
        bucket: the new object's bucket.
        name: the new object's name.
        metadata: the new object's.
        conditions: preconditions on the object that is replaced.

    Raises:
        InvalidArgument: too many sources, or none.
        ApiError: as `ObjectStore` does.
    """
    if not 1 <= len(sources) <= MAX_COMPONENTS:
        raise InvalidArgument(f"sourceObjects: expected 1 to {MAX_COMPONENTS}, received {len(sources)}")
    store.check(bucket, name, conditions)
    checksums, components = Checksums(), 0
    with temporary_file(store) as path:
        with path.open("wb") as target:
            for source in sources:
                found, file = store.open(source.bucket, source.name, source.conditions.generation)
                with file:
                    source.conditions.check_existing(found)
                    components += found.component_count or 1
                    while block := file.read(BLOCK_BYTES):
                        checksums.update(block)
                        target.write(block)
        return store.commit(
            path, bucket, name, conditions=conditions, metadata=metadata,
            digests=Digests(crc32c=checksums.digests().crc32c), component_count=components,
        )  # fmt: skip


async def receive_object(
    store: ObjectStore,
    content: AsyncIterator[bytes],
    bucket: str,
    name: str,
    *,
    metadata: ObjectMetadata,
    announced: Digests,
    conditions: Preconditions,
) -> StoredObject:
    """Write content to the disk as it arrives and commit it.

    Args:
        store: the store of the object.
        content: the bytes.
        bucket: the bucket's name.
        name: the object's name.
        metadata: its metadata.
        announced: the checksums that the content must have.
        conditions: preconditions on the object that is replaced; checked before a second block is received.

    Raises:
        ChecksumMismatch: the content isn't what was announced.
        ApiError: as `ObjectStore.commit` does.
    """
    checksums = Checksums()
    with temporary_file(store) as path:
        spool = Spool(path, checksums, check=partial(store.check, bucket, name, conditions))

        def commit() -> StoredObject:
            spool.flush()
            digests = checksums.digests()
            announced.check(digests)
            return store.commit(path, bucket, name, digests=digests, metadata=metadata, conditions=conditions)

        try:
            async for data in content:
                await spool.write(data)
            return await run_in_threadpool(commit)
        finally:
            spool.close()
