"""Bounds on the pixels of images, which their headers tell before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from contract.images import MAX_PIXELS, ImageError, read_image_header
from serving.errors import InstanceError
from serving.instances import Array


@dataclass(frozen=True, kw_only=True)
class PixelLimits:
    """Most pixels that a request makes the server decode.

    Attributes:
        image: of one image.
        request: of all images of a request together.
    """

    image: int = MAX_PIXELS
    request: int = 4 * MAX_PIXELS

    def check(self, column: Array, name: str) -> None:
        """Refuse images with more pixels; strings that are no images pass.

        Raises:
            InstanceError: an image, or all of them, have more.
        """
        total = 0
        for index, row in enumerate(column):
            for value in row.flat if column.ndim > 1 else (row,):
                try:
                    header = read_image_header(value)
                except ImageError:
                    continue  # the graph tells what is wrong with it
                if header is None:
                    continue
                pixels = header.height * header.width
                total += pixels
                received = f"{header.height} by {header.width} pixels"
                if pixels > self.image:
                    raise InstanceError(
                        f"instances[{index}].{name}",
                        expected=f"an image of at most {self.image:,} pixels",
                        received=received,
                    )
                if total > self.request:
                    raise InstanceError(
                        f"instances[{index}].{name}",
                        expected=f"at most {self.request:,} pixels in all images of a request",
                        received=f"{total:,} up to this one",
                    )
