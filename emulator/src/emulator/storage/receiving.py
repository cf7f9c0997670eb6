"""Makes an object of content that arrives in one request."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from emulator.storage.checksums import Checksums, Digests
from emulator.storage.copies import temporary_file
from emulator.storage.metadata import ObjectMetadata, StoredObject
from emulator.storage.preconditions import Preconditions
from emulator.storage.spool import Spool
from emulator.storage.store import ObjectStore


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
        store: where it goes.
        content: the bytes.
        bucket: the bucket's name.
        name: the object's name.
        metadata: what the client says of it.
        announced: the checksums that the content must have.
        conditions: what must hold of the object that is replaced; looked at before content is received, too.

    Raises:
        ChecksumMismatch: the content isn't what was announced.
        ApiError: as `ObjectStore.commit` does.
    """
    await run_in_threadpool(store.check, bucket, name, conditions)
    checksums = Checksums()
    with temporary_file(store) as path:
        spool = Spool(path, checksums)
        try:
            async for data in content:
                await spool.write(data)
        finally:
            await spool.close()
        digests = checksums.digests()
        announced.check(digests)
        return await run_in_threadpool(
            store.commit, path, bucket, name, digests=digests, metadata=metadata, conditions=conditions
        )
