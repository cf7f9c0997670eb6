import pytest

from emulator.errors import InvalidArgument
from emulator.storage.resumable import ContentRange


@pytest.mark.parametrize(
    ("text", "first", "total"),
    [
        ("bytes 0-9/10", 0, 10),
        ("bytes 5-9/*", 5, None),
        ("bytes 5-*/*", 5, None),
        ("bytes */10", None, 10),
        ("bytes */*", None, None),
    ],
)
def test_content_range_from_header(text, first, total):
    assert ContentRange.from_header(text) == ContentRange(first=first, total=total)


@pytest.mark.parametrize("text", ["", "bytes 1/2", "0-9/10"])
def test_content_range_from_another_text_is_refused(text):
    with pytest.raises(InvalidArgument, match="Content-Range"):
        ContentRange.from_header(text)
