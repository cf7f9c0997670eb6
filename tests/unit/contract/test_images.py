from __future__ import annotations

import io
import struct

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from contract import ContractError
from contract.images import MAX_PIXELS, MAX_SIDE, ImageError, ImageHeader, prepare_image, read_image_header


def encoded(image_format: str, *, orientation: int = 0) -> bytes:
    stream, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new("RGB", (30, 20), (200, 40, 90)).save(stream, image_format, exif=exif)
    return stream.getvalue()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "BMP"])
def test_read_image_header_tells_the_size_of_every_format_that_models_read(image_format: str) -> None:
    header = read_image_header(encoded(image_format))
    assert header is not None
    assert (header.height, header.width, header.orientation) == (20, 30, 1)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
@pytest.mark.parametrize(("orientation", "found"), [(6, 6), (8, 8), (9, 1), (0, 1)])
def test_read_image_header_tells_the_orientation(image_format: str, orientation: int, found: int) -> None:
    header = read_image_header(encoded(image_format, orientation=orientation))
    assert header is not None
    assert header.orientation == found


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_read_image_header_cut_anywhere_gives_a_header_or_an_image_error(image_format: str) -> None:
    data = encoded(image_format, orientation=6)
    for length in range(8, len(data)):
        try:
            assert read_image_header(data[:length]) is not None
        except ImageError as error:
            assert error.damage in ("truncated", "corrupt")  # noqa: PT017 - either is right


def test_read_image_header_of_anything_else_is_none() -> None:
    assert read_image_header(b"RIFF....WEBP") is None
    assert read_image_header(b"") is None


def test_prepare_image_turns_what_has_an_orientation_and_leaves_the_rest() -> None:
    plain = encoded("JPEG")
    assert prepare_image(plain, "image") is plain
    with Image.open(io.BytesIO(prepare_image(encoded("JPEG", orientation=6), "image"))) as turned:
        assert turned.size == (20, 30)
        assert turned.getexif().get(0x0112) is None
    assert prepare_image(b"text", "image") == b"text"


def test_prepare_image_that_does_not_decode_names_the_field() -> None:
    turned = encoded("PNG", orientation=6)
    with pytest.raises(ContractError) as caught:
        prepare_image(turned[: len(turned) // 2 + 20], "instances[2].image_bytes")
    assert caught.value.field == "instances[2].image_bytes"


@pytest.mark.parametrize(
    ("height", "width"), [(MAX_PIXELS, 2), (1, MAX_SIDE + 1), (MAX_SIDE + 1, 1), (2**31, 2**31)]
)
def test_check_size_refuses_more_pixels_than_are_decoded(height: int, width: int) -> None:
    with pytest.raises(ImageError) as caught:
        ImageHeader(height=height, width=width).check_size()
    assert caught.value.damage == "too_large"


def test_check_size_takes_a_photograph_of_fifty_megapixels() -> None:
    ImageHeader(height=5_000, width=10_000).check_size()


def test_prepare_image_with_damaged_exif_beside_the_orientation_turns_it() -> None:
    # ResolutionUnit as text, which no writer of EXIF can write again.
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHI4s", 0x0128, 2, 4, b"abc\0")
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
    data = encoded("JPEG")
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    with Image.open(io.BytesIO(prepare_image(data[:2] + segment + data[2:], "image"))) as turned:
        assert turned.size == (20, 30)


def test_prepare_image_of_a_png_with_long_texts_reads_its_pixels() -> None:
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", "x" * 3_000_000, zip=True)
    stream = io.BytesIO()
    Image.new("RGB", (30, 20)).save(stream, "PNG", pnginfo=texts)
    assert prepare_image(stream.getvalue(), "image").startswith(b"\x89PNG")
