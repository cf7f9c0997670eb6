"""Pictures on a page: what bytes are one, and numbers made one."""

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
"""What browsers show. SVG, which may hold scripts, is none of them."""

LARGEST_BYTES = 4 << 20


def media_type(content: bytes) -> str | None:
    """The media type of a picture by its first bytes, whatever its name; `None` if it is none."""
    return next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)


def data_uri(encoded: str) -> str | None:
    """A base64 encoded picture as an address; `None` if it is no picture."""
    kind = media_type(base64.b64decode(encoded[:64]))
    return f"data:{kind};base64,{encoded}" if kind else None


def grey_data_uri(pixels: Sequence[Sequence[Sequence[float]]]) -> str:
    """Numbers from 0 to 1, (height, width, 1), as the address of a PNG picture."""
    from PIL import Image

    rows = [bytes(round(255 * min(max(pixel[0], 0.0), 1.0)) for pixel in row) for row in pixels]
    picture = Image.frombytes("L", (len(rows[0]), len(rows)), b"".join(rows))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
