import io

import pytest

from emulator.storage.checksums import Checksums, Digests
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
