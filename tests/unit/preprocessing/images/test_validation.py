from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from preprocessing.errors import InvalidRecordError
from preprocessing.images.jpeg import read_jpeg_header
from preprocessing.images.validation import guess_type, validate_image

JpegOf = Callable[..., bytes]


def _frame_at(data: bytes) -> int:
    return max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))


def _reason(data: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidRecordError) as caught:
        validate_image(data, strict=False)
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize(("mode", "components"), [("RGB", 3), ("L", 1), ("CMYK", 4)])
@pytest.mark.parametrize("progressive", [False, True])
def test_read_jpeg_header_of_a_whole_file_returns_its_header(
    jpeg_of: JpegOf, mode: str, components: int, progressive: bool
) -> None:
    data = jpeg_of(mode=mode, size=(30, 20), progressive=progressive)
    header = read_jpeg_header(data)
    assert (header.height, header.width, header.components) == (20, 30, components)
    assert header.is_sound == (not progressive)


@pytest.mark.parametrize("tail", [b"\x00" * 40, b"\xff\xd8 a second image, cut off", b"text"])
def test_read_jpeg_header_with_bytes_after_the_end_accepts(jpeg_of: JpegOf, tail: bytes) -> None:
    assert read_jpeg_header(jpeg_of() + tail).width == 24


def test_read_jpeg_header_with_fill_bytes_before_a_marker_accepts(jpeg_of: JpegOf) -> None:
    data = jpeg_of()
    assert read_jpeg_header(data[:2] + b"\xff\xff" + data[2:]).width == 24


def test_read_jpeg_header_cut_anywhere_rejects(jpeg_of: JpegOf) -> None:
    data = jpeg_of()
    for length in range(2, len(data)):
        assert _reason(data[:length])[0] == "truncated", length


def test_read_jpeg_header_cut_after_an_embedded_thumbnail_rejects(jpeg_of: JpegOf) -> None:
    thumbnail = b"Exif\x00\x00" + jpeg_of(seed=1)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    data = jpeg_of()
    whole = data[:2] + segment + data[2:]
    assert read_jpeg_header(whole).height == 16
    assert _reason(whole[:-20])[0] == "truncated"


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "empty", "0 bytes"),
        (b"\x89PNG\r\n\x1a\n....", "truncated", "12 bytes end in the header"),
        (b"GIF89a....", "not_an_image", "GIF image"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "not_an_image", "WebP image"),
        (b"\x00\x00\x00\x18ftypheic", "not_an_image", "HEIF image"),
        ("Grüße\n".encode(), "not_an_image", "text"),
        (b"\x00\x01\x02\x03", "not_an_image", "unknown, begins with 00 01 02 03"),
        (b"\xff\xd8\xff\xd9\xff\xd9", "corrupt", "no image before the end marker"),
        (b"\xff\xd8abcdefgh", "corrupt", "no marker at byte 2"),
        (b"\xff\xd8\xff\xe0\x00\x01\xff\xd9", "corrupt", "segment of 1 bytes at byte 2"),
        (b"\xff\xd8\xff\xda\x00\x04ab\xff\xd9", "corrupt", "no frame header before the image"),
        (b"\xff\xd8\xff\xc0\x00\x04ab\xff\xda\x00\x02\xff\xd9", "corrupt", "frame header of 6 bytes"),
    ],
)
def test_read_jpeg_header_of_something_else_says_what(data: bytes, reason: str, detail: str) -> None:
    assert _reason(data) == (reason, detail)


@pytest.mark.parametrize(
    ("offset", "value", "detail"),
    [
        (1, b"\xc3", "coding process SOF3 is not one that decoders read"),
        (1, b"\xc9", "coding process SOF9 is not one that decoders read"),
        (4, b"\x0c", "12 bits per sample, decoders read 8"),
        (5, b"\x00\x00", "0 by 24 pixels"),
        (9, b"\x02", "2 components, decoders read 1, 3 or 4"),
    ],
)
def test_read_jpeg_header_that_decoders_refuse_rejects(
    jpeg_of: JpegOf, offset: int, value: bytes, detail: str
) -> None:
    data = bytearray(jpeg_of())
    at = _frame_at(data) + offset
    data[at : at + len(value)] = value
    assert _reason(bytes(data)) == ("corrupt", detail)


def test_guess_type_text_cut_inside_a_character_is_text() -> None:
    assert guess_type(("a" * 511 + "ü").encode()) == "text"


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("strict", [False, True])
def test_validate_image_keeps_the_bytes(jpeg_of: JpegOf, mode: str, strict: bool) -> None:
    data = jpeg_of(mode=mode)
    image = validate_image(data, strict=strict)
    assert (image.encoded, image.height, image.width, image.converted) == (data, 16, 24, "")


@pytest.mark.parametrize("strict", [False, True])
def test_validate_image_of_cmyk_becomes_rgb(strict: bool) -> None:
    encoded = io.BytesIO()
    Image.new("RGB", (24, 16), (200, 40, 90)).convert("CMYK").save(encoded, "JPEG")
    image = validate_image(encoded.getvalue(), strict=strict)
    assert (image.height, image.width, image.converted) == (16, 24, "cmyk")
    with Image.open(io.BytesIO(image.encoded)) as decoded:
        assert decoded.mode == "RGB"
        assert decoded.getpixel((5, 5)) == pytest.approx((200, 40, 90), abs=6)


def test_validate_image_of_cmyk_with_broken_tables_rejects(jpeg_of: JpegOf) -> None:
    data = bytearray(jpeg_of(mode="CMYK"))
    table = data.find(b"\xff\xc4")
    data[table + 5 : table + 21] = b"\xff" * 16
    with pytest.raises(InvalidRecordError, match="corrupt: does not decode"):
        validate_image(bytes(data), strict=False)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_validate_image_with_a_broken_scan_rejects_only_when_strict(jpeg_of: JpegOf, mode: str) -> None:
    data = jpeg_of(mode=mode, size=(64, 64))
    broken = data[: len(data) // 2] + b"\xff\xd9"
    assert validate_image(broken, strict=False).width == 64
    with pytest.raises(InvalidRecordError, match="corrupt: does not decode"):
        validate_image(broken, strict=True)


def test_validate_image_with_bytes_after_the_end_passes_strictly(jpeg_of: JpegOf) -> None:
    assert validate_image(jpeg_of() + b"\x00" * 30, strict=True).width == 24
