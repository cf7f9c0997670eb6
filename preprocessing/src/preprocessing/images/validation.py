"""Validation of raw images: whole JPEGs that decoders can read, by the markers alone or decoded in full.

A file is taken as whole when an end marker follows its (first) scan. Entropy-coded data never holds one (a
0xFF in it is stuffed with 0x00), and the end marker of an embedded thumbnail comes before the scan, so
neither hides a truncation. Bytes that cameras append after the end marker do no harm, decoders stop there
too; they stay in the record.
https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import simplejpeg
from PIL import Image, UnidentifiedImageError

from preprocessing.errors import InvalidRecordError

_SOI = b"\xff\xd8"
_EOI = b"\xff\xd9"
_SOS = 0xDA
_END = 0xD9
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # TEM, RST0 to RST7: markers without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # DHT, JPG and DAC are no frames
_READABLE_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive, all Huffman-coded
_CMYK_COMPONENTS = 4
_REENCODED_QUALITY = 95

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG image"),
    (b"GIF87a", "GIF image"),
    (b"GIF89a", "GIF image"),
    (b"BM", "BMP image"),
    (b"II*\x00", "TIFF image"),
    (b"MM\x00*", "TIFF image"),
    (b"%PDF-", "PDF document"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
)


@dataclass(frozen=True)
class JpegHeader:
    """The frame header of a JPEG.

    Attributes:
        height: pixels.
        width: pixels.
        components: 1 is grayscale, 3 colour, 4 CMYK or YCCK.
    """

    height: int
    width: int
    components: int


@dataclass(frozen=True, kw_only=True)
class ValidImage:
    """A JPEG that decoders can read.

    Attributes:
        encoded: the file's bytes, or an RGB JPEG made of them.
        height: pixels.
        width: pixels.
        converted: the original colour space, `cmyk`; empty if the bytes are unchanged.
    """

    encoded: bytes
    height: int
    width: int
    converted: str = ""


def validate_image(data: bytes, *, strict: bool) -> ValidImage:
    """Return the image in a raw file.

    Grayscale stays as it is: decoders that are asked for three channels repeat the one. CMYK and YCCK become
    RGB, since TensorFlow does not decode them.

    Args:
        data: the file's bytes.
        strict: decode it in full, about a fifth as fast.

    Raises:
        InvalidRecordError: the bytes are no whole JPEG.
    """
    header = read_jpeg_header(data)
    is_cmyk = header.components == _CMYK_COMPONENTS
    if strict:
        try:
            simplejpeg.decode_jpeg(
                data, colorspace="CMYK" if is_cmyk else "RGB", fastdct=True, fastupsample=True
            )
        except ValueError as error:
            raise InvalidRecordError("corrupt", f"does not decode: {error}") from error
    if is_cmyk:
        return _to_rgb(data, header)
    return ValidImage(encoded=data, height=header.height, width=header.width)


def _to_rgb(data: bytes, header: JpegHeader) -> ValidImage:
    encoded = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.convert("RGB").save(encoded, format="JPEG", quality=_REENCODED_QUALITY)
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InvalidRecordError("corrupt", f"does not decode: {error}") from error
    return ValidImage(encoded=encoded.getvalue(), height=header.height, width=header.width, converted="cmyk")


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Return the frame header of a whole JPEG.

    Args:
        data: the file's bytes.

    Raises:
        InvalidRecordError: with the reason `empty`, `not_jpeg`, `truncated` or `corrupt`.
    """
    if not data:
        raise InvalidRecordError("empty", "0 bytes")
    if not data.startswith(_SOI):
        raise InvalidRecordError("not_jpeg", guess_type(data))
    frame, scan = _segments(data)
    if frame is None:
        raise InvalidRecordError("corrupt", "no frame header before the image")
    if data.rfind(_EOI, scan) < 0:
        raise InvalidRecordError("truncated", f"no end marker in {len(data)} bytes")
    return _read_frame(data, frame)


def _segments(data: bytes) -> tuple[int | None, int]:
    """Return the offsets of the frame header's marker and of the data of the first scan."""
    frame: int | None = None
    position = len(_SOI)
    last = len(data) - 4
    while position <= last:
        if data[position] != 0xFF:
            raise InvalidRecordError("corrupt", f"no marker at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker == _END:
            raise InvalidRecordError("corrupt", "no image before the end marker")
        else:
            end = position + 2 + (data[position + 2] << 8 | data[position + 3])
            if end < position + 4:
                raise InvalidRecordError(
                    "corrupt", f"segment of {end - position - 2} bytes at byte {position}"
                )
            if marker == _SOS:
                return frame, end
            if marker in _FRAMES and frame is None:
                if end < position + 10:
                    raise InvalidRecordError("corrupt", f"frame header of {end - position} bytes")
                frame = position
            position = end
    raise InvalidRecordError("truncated", f"{len(data)} bytes end in the header")


def _read_frame(data: bytes, frame: int) -> JpegHeader:
    process = data[frame + 1]
    bits, height, width, components = struct.unpack_from(">BHHB", data, frame + 4)
    if process not in _READABLE_FRAMES:
        raise InvalidRecordError(
            "corrupt", f"coding process SOF{process - 0xC0} is not one that decoders read"
        )
    if bits != 8:
        raise InvalidRecordError("corrupt", f"{bits} bits per sample, decoders read 8")
    if not height or not width:
        raise InvalidRecordError("corrupt", f"{height} by {width} pixels")
    if components not in {1, 3, 4}:
        raise InvalidRecordError("corrupt", f"{components} components, decoders read 1, 3 or 4")
    return JpegHeader(height, width, components)


def guess_type(data: bytes) -> str:
    """Return the likely type of bytes that are no JPEG, for people."""
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
