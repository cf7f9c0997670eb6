"""TensorBoard summaries: scalars over the steps, and images at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_TILE = 160
_CAPTION = 36
_COLUMNS = 4
_GREEN, _RED = (26, 127, 55), (190, 30, 30)


class Summaries:
    """Writer of event files.

    Args:
        folder: of the event files.
        enabled: False for a worker that is not the chief.
    """

    def __init__(self, folder: Path, *, enabled: bool = True) -> None:
        self._writer = (
            tf.summary.create_file_writer(str(folder)) if enabled else tf.summary.create_noop_writer()
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars of a step, each under its name."""
        with self._writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._writer.flush()

    def images(self, step: int, images: Mapping[str, NDArray[np.uint8]]) -> None:
        """Write images of a step, uint8 (height, width, 3), each under its name."""
        with self._writer.as_default(step):
            for name, pixels in images.items():
                tf.summary.image(name, pixels[None])
        self._writer.flush()


@dataclass(frozen=True, kw_only=True)
class CaptionedImage:
    """An image with a caption below it.

    Attributes:
        file: an image file.
        caption: one or two lines of text.
        correct: the prediction is correct; gives the color of the caption.
    """

    file: BinaryIO
    caption: str
    correct: bool


def _opened(file: BinaryIO) -> Image.Image:
    """Return an image file's pixels, black where Pillow refuses what the model could read."""
    try:
        return Image.open(file).convert("RGB")
    except (OSError, SyntaxError, ValueError):
        return Image.new("RGB", (_TILE, _TILE))


def contact_sheet(images: Sequence[CaptionedImage]) -> NDArray[np.uint8]:
    """Draw images side by side, captioned: green where the prediction is correct, else red.

    Returns:
        uint8 (height, width, 3).
    """
    rows = -(-len(images) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE, rows * (_TILE + _CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, item in enumerate(images):
        left, top = index % _COLUMNS * _TILE, index // _COLUMNS * (_TILE + _CAPTION)
        image = _opened(item.file)
        scale = (_TILE - 4) / max(image.size)
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        sheet.paste(image, (left + (_TILE - image.width) // 2, top + (_TILE - image.height) // 2))
        color = _GREEN if item.correct else _RED
        draw.multiline_text((left + 4, top + _TILE), item.caption, fill=color, font=font)
    return np.asarray(sheet)
