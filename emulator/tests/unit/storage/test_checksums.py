import asyncio
import io

import pytest

from emulator.storage.checksums import BLOCK_BYTES, Checksums, Digests, Spool
from emulator.storage.errors import ChecksumMismatch


def test_checksums_of_a_file_are_those_of_its_pieces():
    pieces = Checksums()
    pieces.update(b"hel")
    pieces.update(b"lo")
    assert pieces.digests() == Checksums.of(io.BytesIO(b"hello")).digests()
    assert pieces.digests() == Digests(crc32c="mnG7TA==", md5="XUFAKrxLKna5cZ2REBfFkg==")
    assert pieces.size == 5


def test_check_compares_what_was_announced():
    calculated = Digests(crc32c="a", md5="b")
    Digests().check(calculated)
    Digests(md5="b").check(calculated)
    with pytest.raises(ChecksumMismatch, match='Provided CRC32C "x" doesn\'t match calculated CRC32C "a"'):
        Digests(crc32c="x").check(calculated)


def refuse() -> None:
    raise PermissionError("not this one")


def test_spool_asks_before_it_writes_its_first_block(tmp_path):
    async def receive() -> None:
        spool = Spool(tmp_path / "file", Checksums(), check=refuse)
        await spool.write(b"less than a block")
        assert not (tmp_path / "file").exists()
        with pytest.raises(PermissionError):
            await spool.write(b"." * BLOCK_BYTES)

    asyncio.run(receive())
    assert not (tmp_path / "file").exists()


def test_spool_without_data_makes_an_empty_file(tmp_path):
    checksums = Checksums()
    spool = Spool(tmp_path / "file", checksums)
    spool.flush()
    spool.close()
    assert (tmp_path / "file").read_bytes() == b""
    assert checksums.size == 0
