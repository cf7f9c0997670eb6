"""Content on its way from a request to a file."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool

from emulator.storage.checksums import BLOCK_BYTES, Checksums


class Spool:
    """Appends to a file, block by block and outside the event loop; never holds more than two blocks."""

    def __init__(self, path: Path, checksums: Checksums) -> None:
        """Begin.

        Args:
            path: the file; made if it isn't there.
            checksums: those of the file's content so far.
        """
        self._file = path.open("ab", buffering=0)
        self._checksums = checksums
        self._waiting = bytearray()

    async def write(self, data: bytes) -> None:
        """Take some more."""
        self._waiting += data
        if len(self._waiting) >= BLOCK_BYTES:
            await self._flush()

    async def close(self) -> None:
        """Write what is left; the file then holds all that was taken."""
        try:
            await self._flush()
        finally:
            self._file.close()

    async def _flush(self) -> None:
        block, self._waiting = bytes(self._waiting), bytearray()
        await run_in_threadpool(self._append, block)

    def _append(self, block: bytes) -> None:
        written = 0
        while written < len(block):
            written += self._file.write(block[written:])
        self._checksums.update(block)
