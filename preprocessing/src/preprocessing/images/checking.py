"""A raw image file to the values of a record."""

from __future__ import annotations

import io
from dataclasses import dataclass

import simplejpeg
from PIL import Image, UnidentifiedImageError

from preprocessing.examples import Value
from preprocessing.images.jpeg import JpegHeader, check_jpeg
from preprocessing.rejections import RejectedError

_CMYK_COMPONENTS = 4
_REENCODED_QUALITY = 95

ENCODED = "image/encoded"
HEIGHT = "image/height"
WIDTH = "image/width"
SYNSET = "image/class/synset"
FILENAME = "image/filename"
CHANNELS = "image/channels"
COLORSPACE = "image/colorspace"
FORMAT = "image/format"

NAMES = (ENCODED, HEIGHT, WIDTH, SYNSET, FILENAME, CHANNELS, COLORSPACE, FORMAT)
"""What an image has a value for, apart from the label."""


@dataclass(frozen=True, kw_only=True)
class CheckedImage:
    """A JPEG that decoders can read.

    Attributes:
        encoded: the file's bytes, or an RGB JPEG made of them.
        height: pixels.
        width: pixels.
        converted: what it was converted from, `cmyk`; empty if its bytes are unchanged.
    """

    encoded: bytes
    height: int
    width: int
    converted: str = ""


def check_image(data: bytes, *, strict: bool) -> CheckedImage:
    """The image in a raw file.

    Greyscale stays as it is: decoders that are asked for three channels repeat the one. CMYK and YCCK become
    RGB, since TensorFlow does not decode them.

    Args:
        data: the file's bytes.
        strict: decode it in full, about a fifth as fast.

    Raises:
        RejectedError: the bytes are no whole JPEG.
    """
    header = check_jpeg(data)
    is_cmyk = header.components == _CMYK_COMPONENTS
    if strict:
        try:
            simplejpeg.decode_jpeg(
                data, colorspace="CMYK" if is_cmyk else "RGB", fastdct=True, fastupsample=True
            )
        except ValueError as error:
            raise RejectedError("corrupt", f"does not decode: {error}") from error
    if is_cmyk:
        return _to_rgb(data, header)
    return CheckedImage(encoded=data, height=header.height, width=header.width)


def _to_rgb(data: bytes, header: JpegHeader) -> CheckedImage:
    encoded = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.convert("RGB").save(encoded, format="JPEG", quality=_REENCODED_QUALITY)
    except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise RejectedError("corrupt", f"does not decode: {error}") from error
    return CheckedImage(
        encoded=encoded.getvalue(), height=header.height, width=header.width, converted="cmyk"
    )


def record_values(image: CheckedImage, *, label: str, label_name: str, filename: str) -> dict[str, Value]:
    """The classic ImageNet keys and values.

    Args:
        image: what the file holds.
        label: its label, as text.
        label_name: the name of the feature that holds the label.
        filename: its path in the source.
    """
    return {
        ENCODED: image.encoded,
        HEIGHT: image.height,
        WIDTH: image.width,
        SYNSET: label,
        FILENAME: filename,
        CHANNELS: 3,
        COLORSPACE: "RGB",
        FORMAT: "JPEG",
        label_name: label,
    }
