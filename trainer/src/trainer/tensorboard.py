"""What TensorBoard shows: scalars over the steps, and pictures at the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


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
