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


class Summaries:
    """Writes event files.

    Args:
        folder: where they go.
        enabled: false for a worker that is not the chief.
    """

    def __init__(self, folder: Path, *, enabled: bool = True) -> None:
        self._writer = (
            tf.summary.create_file_writer(str(folder)) if enabled else tf.summary.create_noop_writer()
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write figures of a step, each under its name."""
        with self._writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._writer.flush()

    def pictures(self, step: int, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Write pictures of a step, uint8 (height, width, 3), each under its name."""
        with self._writer.as_default(step):
            for name, pixels in pictures.items():
                tf.summary.image(name, pixels[None])
        self._writer.flush()


_TILE = 160
_CAPTION = 36
_COLUMNS = 4
_RIGHT, _WRONG = (26, 127, 55), (190, 30, 30)


@dataclass(frozen=True, kw_only=True)
class Captioned:
    """A picture and a few words below it.

    Attributes:
        picture: an image file.
        caption: the words, in one or two lines.
        right: whether the model is right; gives the colour of the words.
    """

    picture: BinaryIO
    caption: str
    right: bool


def contact_sheet(pictures: Sequence[Captioned]) -> NDArray[np.uint8]:
    """The pictures side by side, captioned: green where the model is right, else red.

    Returns:
        uint8 (height, width, 3).
    """
    rows = -(-len(pictures) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE, rows * (_TILE + _CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, item in enumerate(pictures):
        left, top = index % _COLUMNS * _TILE, index // _COLUMNS * (_TILE + _CAPTION)
        picture = Image.open(item.picture).convert("RGB")
        scale = (_TILE - 4) / max(picture.size)
        picture = picture.resize(
            (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        )
        sheet.paste(picture, (left + (_TILE - picture.width) // 2, top + (_TILE - picture.height) // 2))
        colour = _RIGHT if item.right else _WRONG
        draw.multiline_text((left + 4, top + _TILE), item.caption, fill=colour, font=font)
    return np.asarray(sheet)
