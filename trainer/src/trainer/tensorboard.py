"""What TensorBoard shows: scalars over the steps, and some predicted images with their labels."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_TILE = 160
_CAPTION = 36
_COLUMNS = 4
_RIGHT, _WRONG = (26, 127, 55), (190, 30, 30)


@dataclass(frozen=True, kw_only=True)
class PredictedImage:
    """An image and what a model says of it.

    Attributes:
        image: the JPEG file.
        label: the true label.
        predicted: the predicted label.
        probability: of the predicted label, 0 to 1.
    """

    image: bytes
    label: str
    predicted: str
    probability: float


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

    def predictions(self, step: int, images: Sequence[PredictedImage]) -> None:
        """Write one picture of images with their predicted and true labels."""
        if not images:
            return
        with self._writer.as_default(step):
            tf.summary.image("validation/predictions", contact_sheet(images)[None])
        self._writer.flush()


def contact_sheet(images: Sequence[PredictedImage]) -> NDArray[np.uint8]:
    """The images side by side, captioned: green where the prediction is right, else red.

    Returns:
        uint8 (height, width, 3).
    """
    rows = -(-len(images) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE, rows * (_TILE + _CAPTION)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, item in enumerate(images):
        left, top = index % _COLUMNS * _TILE, index // _COLUMNS * (_TILE + _CAPTION)
        picture = Image.open(io.BytesIO(item.image)).convert("RGB")
        scale = (_TILE - 4) / max(picture.size)
        picture = picture.resize(
            (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        )
        sheet.paste(picture, (left + (_TILE - picture.width) // 2, top + (_TILE - picture.height) // 2))
        right = item.label == item.predicted
        says = f"{item.predicted} {item.probability:.0%}" + ("" if right else f"\nis {item.label}")
        draw.multiline_text((left + 4, top + _TILE), says, fill=_RIGHT if right else _WRONG, font=font)
    return np.asarray(sheet)
