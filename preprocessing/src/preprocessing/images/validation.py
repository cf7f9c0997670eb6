"""Validation of raw images: a picture that passes here is one that every decoder reads."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import simplejpeg
from PIL import Image, UnidentifiedImageError

from contract.images import JPEG, PNG, QUALITY, ImageError, normal_png, read_image_header, turn_upright
from preprocessing.errors import InvalidRecordError
from preprocessing.images.jpeg import JpegHeader, read_jpeg_header

_CMYK_COMPONENTS = 4

_SIGNATURES = (
    (b"GIF87a", "GIF image"),
    (b"GIF89a", "GIF image"),
    (b"BM", "BMP image"),
    (b"II*\x00", "TIFF image"),
    (b"MM\x00*", "TIFF image"),
    (b"%PDF-", "PDF document"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
)


@dataclass(frozen=True, kw_only=True)
class ValidImage:
    """A JPEG or PNG that decoders can read.

    Attributes:
        encoded: the file's bytes, or an image made of them.
        height: pixels.
        width: pixels.
        format: `JPEG` or `PNG`.
        converted: why the bytes are others, `cmyk`, `rotated` or `png`; empty if they are the file's.
    """

    encoded: bytes
    height: int
    width: int
    format: Literal["JPEG", "PNG"] = "JPEG"
    converted: str = ""


def validate_image(data: bytes, *, strict: bool) -> ValidImage:
    """Return the image in a raw file, upright.

    Grayscale stays as it is: decoders that are asked for three channels repeat the one. CMYK and YCCK become
    RGB, since TensorFlow does not decode them; a PNG is encoded again with 8 bits and without transparency.

    Args:
        data: the file's bytes.
        strict: decode a JPEG in full, about a fifth as fast, even if its segments say that it can be.

    Raises:
        InvalidRecordError: the bytes are no whole JPEG or PNG, or too many pixels.
    """
    if not data:
        raise InvalidRecordError("empty", "0 bytes")
    try:
        if data.startswith(PNG):
            return _from_png(data)
        if data.startswith(JPEG):
            return _from_jpeg(data, strict=strict)
    except ImageError as error:
        raise InvalidRecordError(error.damage, str(error)) from error
    raise InvalidRecordError("not_an_image", guess_type(data))


def _from_jpeg(data: bytes, *, strict: bool) -> ValidImage:
    header = read_jpeg_header(data)
    header.check_size()
    is_cmyk = header.components == _CMYK_COMPONENTS
    if strict or not (header.is_sound or is_cmyk):
        try:
            simplejpeg.decode_jpeg(
                data, colorspace="CMYK" if is_cmyk else "RGB", fastdct=True, fastupsample=True
            )
        except ValueError as error:
            raise ImageError("corrupt", f"does not decode: {error}") from error
    height, width = header.height, header.width
    if header.orientation > 4:
        height, width = width, height
    if is_cmyk:
        return ValidImage(encoded=_to_rgb(data, header), height=height, width=width, converted="cmyk")
    if header.orientation > 1:
        return ValidImage(
            encoded=turn_upright(data, header.orientation), height=height, width=width, converted="rotated"
        )
    return ValidImage(encoded=data, height=height, width=width)


def _to_rgb(data: bytes, header: JpegHeader) -> bytes:
    encoded = io.BytesIO()
    upright = data if header.orientation == 1 else turn_upright(data, header.orientation)
    try:
        with Image.open(io.BytesIO(upright), formats=["JPEG"]) as image:
            image.convert("RGB").save(encoded, format="JPEG", quality=QUALITY)
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        raise ImageError("corrupt", f"does not decode: {error}") from error
    return encoded.getvalue()


def _from_png(data: bytes) -> ValidImage:
    header = read_image_header(data)
    assert header is not None  # noqa: S101 - by its signature
    header.check_size()
    height, width = header.height, header.width
    if header.orientation > 4:
        height, width = width, height
    return ValidImage(
        encoded=normal_png(data, header.orientation),
        height=height,
        width=width,
        format="PNG",
        converted="png",
    )


def guess_type(data: bytes) -> str:
    """Return the likely type of bytes that are no JPEG or PNG, for people."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP image"
    if data[4:8] == b"ftyp":
        return "HEIF image" if data[8:11] in {b"hei", b"hev", b"mif"} else f"ISO media {data[8:12]!r}"
    # The cut may fall inside a character of several bytes.
    sample = data[:512].decode(errors="ignore")
    if sample and "\x00" not in sample and len(sample.encode()) >= min(len(data), 512) - 3:
        return "text"
    return f"unknown, begins with {data[:8].hex(' ')}"
