"""TensorBoard summaries: scalars over the steps, and images at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

INTERVAL_SECONDS = 10.0
"""Least time between two event files."""

_TILE = 160
_CAPTION = 36
_COLUMNS = 4
_GREEN, _RED = (26, 127, 55), (190, 30, 30)


class Summaries:
    """Writer of event files: a new one each time, closed at once.

    On the mount of a training job on Vertex AI an object appears when its file is closed: with one file for
    the whole training there would be no curves while it runs, and none after a preemption. Scalars that
    follow another file too soon wait for the next one, so that a long training writes no thousands of files.
    https://github.com/GoogleCloudPlatform/gcsfuse/blob/master/docs/semantics.md

    Args:
        folder: of the event files.
        enabled: False for a worker that is not the chief.
        interval_seconds: the least time between two files, unless `flush` asks for one.
    """

    def __init__(
        self, folder: Path, *, enabled: bool = True, interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._folder = folder
        self._enabled = enabled
        self._interval_seconds = interval_seconds
        self._written_at = -math.inf
        self._waiting: list[tuple[int, Mapping[str, float]]] = []

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars of a step, each under its name, now or with the next file."""
        self._waiting.append((step, values))
        if time.monotonic() - self._written_at >= self._interval_seconds:
            self.flush()

    def flush(self) -> None:
        """Write the scalars that wait."""
        if self._waiting:
            self._write({})

    def images(self, step: int, images: Mapping[str, NDArray[np.uint8]]) -> None:
        """Write images of a step, uint8 (height, width, 3), each under its name."""
        self._write(images, step)

    def _write(self, images: Mapping[str, NDArray[np.uint8]], image_step: int = 0) -> None:
        waiting, self._waiting = self._waiting, []
        self._written_at = time.monotonic()
        if not self._enabled:
            return
        writer = tf.summary.create_file_writer(str(self._folder))
        with writer.as_default(0):
            for step, values in waiting:
                for name, value in values.items():
                    tf.summary.scalar(name, value, step)
            for name, pixels in images.items():
                tf.summary.image(name, pixels[None], image_step)
        writer.close()


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
