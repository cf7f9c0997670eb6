"""Images as data URIs, for formats that can't hold scripts."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

_MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}
"""First bytes of formats that browsers show; not SVG, which may hold scripts."""

MAX_BYTES = 4 << 20
"""Bytes of an image that are read for a page."""


def media_type(content: bytes) -> str | None:
    """Return the media type of an image by its first bytes, whatever its name; None if it is no image."""
    return next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)


def data_uri(content: bytes) -> str | None:
    """Return an image as a data URI; None if the bytes are no image."""
    kind = media_type(content)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else None


def grayscale_data_uri(pixels: Sequence[Sequence[Sequence[float]]]) -> str:
    """Return a grayscale image as the data URI of a PNG.

    Args:
        pixels: shape (height, width, 1), values from 0 to 1.
    """
    from PIL import Image

    rows = [bytes(round(255 * min(max(pixel[0], 0.0), 1.0)) for pixel in row) for row in pixels]
    image = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
