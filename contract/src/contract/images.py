"""Image files as they come: their size by the header alone, one bound on pixels, and the right way up.

The converter reads every picture here, and so does whoever sends one to a model: what is upright in training
is upright in a request.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from contract.validation import ContractError

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 50_000_000
"""Most pixels of a picture that is decoded: 150 MB in memory."""

MAX_SIDE = 65_500
"""Longest side in pixels that libjpeg decodes (JPEG_MAX_DIMENSION)."""

QUALITY = 95
"""Of a JPEG that is encoded again."""

Segment = tuple[int, int, int]
"""Of a JPEG: marker, offset of the marker, and of the end."""

JPEG = b"\xff\xd8"
PNG = b"\x89PNG\r\n\x1a\n"
START_OF_SCAN = 0xDA
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of frame headers; DHT, JPG and DAC are none."""

APP1 = 0xE1
"""Marker of the segment that holds EXIF's fields."""

_END = 0xD9
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # TEM, RST0 to RST7: markers without a length
_PNG_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT = 3

Damage = Literal["corrupt", "truncated", "too_large"]


class ImageError(ValueError):
    """An image that no decoder reads, or one that is not decoded because of its size.

    Attributes:
        damage: one word, for counting.
    """

    def __init__(self, damage: Damage, detail: str) -> None:
        super().__init__(detail)
        self.damage: Damage = damage


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """The header of an image file.

    Attributes:
        height: pixels, as stored.
        width: pixels, as stored.
        orientation: of EXIF, 1 to 8; 1 is upright.
    """

    height: int
    width: int
    orientation: int = 1

    def check_size(self) -> None:
        """Refuse more pixels than are ever decoded.

        Raises:
            ImageError: `too_large`.
        """
        if self.height * self.width > MAX_PIXELS or max(self.height, self.width) > MAX_SIDE:
            raise ImageError(
                "too_large",
                f"{self.height} by {self.width} pixels: at most {MAX_PIXELS:,} are decoded, at most "
                f"{MAX_SIDE:,} in a side",
            )


def jpeg_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to its first scan, whose header is the last one.

    https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B

    Raises:
        ImageError: there is no scan, or something between two segments.
    """
    position, last = len(JPEG), len(data) - 4
    while position <= last:
        if data[position] != 0xFF:
            raise ImageError("corrupt", f"no marker at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker == _END:
            raise ImageError("corrupt", "no image before the end marker")
        else:
            end = position + 2 + (data[position + 2] << 8 | data[position + 3])
            if end < position + 4:
                raise ImageError("corrupt", f"segment of {end - position - 2} bytes at byte {position}")
            yield marker, position, end
            if marker == START_OF_SCAN:
                return
            position = end
    raise ImageError("truncated", f"{len(data)} bytes end in the header")


def orientation_of(data: bytes, segment: Segment) -> int | None:
    """Return the orientation that an `APP1` segment of a JPEG holds; None if it holds none."""
    _, start, end = segment
    if not data.startswith(_EXIF, start + 4):
        return None
    return _exif_orientation(data[start + 4 + len(_EXIF) : end])


def read_image_header(data: bytes) -> ImageHeader | None:
    """Return the header of a JPEG, PNG, GIF or BMP file; None of anything else.

    Raises:
        ImageError: it has no whole header.
    """
    try:
        if data.startswith(JPEG):
            return _jpeg_header(data)
        if data.startswith(PNG):
            width, height = struct.unpack_from(">II", data, 16)
            return ImageHeader(height=height, width=width, orientation=_png_orientation(data))
        if data.startswith((b"GIF87a", b"GIF89a")):
            width, height = struct.unpack_from("<HH", data, 6)
            return ImageHeader(height=height, width=width)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return ImageHeader(height=abs(height), width=abs(width))
    except struct.error as error:
        raise ImageError("truncated", f"{len(data)} bytes end in the header") from error
    return None


def turn_upright(data: bytes, orientation: int) -> bytes:
    """Return a JPEG with its pixels turned, encoded again without EXIF.

    Args:
        data: the file.
        orientation: its orientation by `ImageHeader`, 1 to 8.

    Raises:
        ImageError: it does not decode.
    """
    from PIL import Image

    encoded = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            upright = _turned(image, orientation)
            upright = upright.convert("L" if upright.mode == "L" else "RGB")
            upright.save(encoded, format="JPEG", quality=QUALITY, exif=b"")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError("corrupt", f"does not decode: {error}") from error
    return encoded.getvalue()


def normal_png(data: bytes, orientation: int) -> bytes:
    """Return a PNG decoded and encoded again: upright, grayscale or RGB with 8 bits, without transparency.

    Its checksums and its compressed data are all over the file, and decoders differ in what they let pass.
    Texts, profiles and whatever else describes the picture are left out before it is decoded.

    Args:
        data: the file.
        orientation: its orientation by `ImageHeader`, 1 to 8.

    Raises:
        ImageError: it does not decode.
    """
    from PIL import Image

    encoded = io.BytesIO()
    try:
        with Image.open(io.BytesIO(_pixels_alone(data)), formats=["PNG"]) as opened:
            image = _turned(opened, orientation)
            if image.mode.startswith("I"):  # 16 bits: the higher ones, as TensorFlow has it
                image = image.convert("I").point(lambda value: value / 256).convert("L")
            image = image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
            image.save(encoded, format="PNG", compress_level=1, exif=b"")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError("corrupt", f"does not decode: {error}") from error
    return encoded.getvalue()


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image as its orientation says; exif_transpose would rewrite EXIF, which may be damaged."""
    from PIL.Image import Transpose

    methods = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    image.load()
    return image.transpose(methods[orientation]) if orientation in methods else image


def _pixels_alone(data: bytes) -> bytes:
    """Return a PNG with only the chunks that its pixels need."""
    kept, position = [PNG], len(PNG)
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name in _PNG_PIXELS:
            kept.append(data[position : position + 12 + length])
        position += 12 + length
    return b"".join(kept)


def prepare_image(data: bytes, where: str) -> bytes:
    """Return an image of a request as a model takes it, by the rules of the conversion: upright.

    Args:
        data: the file.
        where: path of the value in errors.

    Raises:
        ContractError: it has no whole header, too many pixels, or does not decode.
    """
    try:
        header = read_image_header(data)
        if header is None:
            return data  # of a format that the model may know
        header.check_size()
        if data.startswith(PNG):
            return normal_png(data, header.orientation)
        return data if header.orientation == 1 else turn_upright(data, header.orientation)
    except ImageError as error:
        raise ContractError(where, expected="an image", received=str(error)) from error


def _jpeg_header(data: bytes) -> ImageHeader:
    size, orientation = None, None
    for segment in jpeg_segments(data):
        marker, start, _ = segment
        if marker in FRAMES and size is None:
            size = struct.unpack_from(">HH", data, start + 5)
        if marker == APP1 and orientation is None:
            orientation = orientation_of(data, segment)
    if size is None:
        raise ImageError("corrupt", "no frame header before the image")
    return ImageHeader(height=size[0], width=size[1], orientation=orientation or 1)


def _png_orientation(data: bytes) -> int:
    position = len(PNG)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"eXIf":
            return _exif_orientation(data[position + 8 : position + 8 + length])
        if name in {b"IDAT", b"IEND"}:
            break
        position += 12 + length
    return 1


def _exif_orientation(tiff: bytes) -> int:
    """Return the orientation in the first directory of a TIFF structure; 1 if it is not there.

    https://www.cipa.jp/std/documents/download_e.html?DC-008-Translation-2023-E, 4.6.4 and 4.6.5
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
    for place in range(directory + 2, min(directory + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, place)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and count == 1 and 1 <= value <= 8 else 1
    return 1
