import pytest

from emulator.storage.errors import UnsatisfiableRangeError
from emulator.storage.media import ByteRange, parse_range


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("bytes=5-2", None),
        ("lines=1-2", None),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=2-4", ByteRange(2, 3)),
        ("bytes=8-", ByteRange(8, 2)),
        ("bytes=8-100", ByteRange(8, 2)),
        ("bytes=-3", ByteRange(7, 3)),
        ("bytes=-30", ByteRange(0, 10)),
    ],
)
def test_parse_range_of_ten_bytes(text, expected):
    assert parse_range(text, 10) == expected


@pytest.mark.parametrize(("text", "size"), [("bytes=10-", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_parse_range_behind_the_end_is_refused(text, size):
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(text, size)
