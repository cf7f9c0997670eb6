from __future__ import annotations

import io

from preprocessing.tfrecord import masked_crc32c, write_record


def test_write_record_frames_as_the_format_says() -> None:
    # What tf.io.TFRecordWriter writes for b"abc".
    expected = bytes.fromhex("0300000000000000b099490e6162636e57f121")
    file = io.BytesIO()
    assert write_record(file, b"abc") == len(expected)
    assert file.getvalue() == expected


def test_masked_crc32c_of_zeros_is_the_published_value() -> None:
    # https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4: 32 bytes of zeros have CRC32C 0x8a9136aa.
    crc = 0x8A9136AA
    assert masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
