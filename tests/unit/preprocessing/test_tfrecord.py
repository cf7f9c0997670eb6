from __future__ import annotations

from preprocessing.tfrecord import FRAME_BYTES, framed, masked_crc32c


def test_framed_records_are_as_the_format_says() -> None:
    # What tf.io.TFRecordWriter writes for b"abc".
    expected = bytes.fromhex("0300000000000000b099490e6162636e57f121")
    assert b"".join(framed([b"abc", b"abc"])) == 2 * expected
    assert len(expected) == 3 + FRAME_BYTES


def test_masked_crc32c_of_zeros_is_the_published_value() -> None:
    # https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4: 32 bytes of zeros have CRC32C 0x8a9136aa.
    crc = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
