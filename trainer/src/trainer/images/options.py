"""The flags of models that look at pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainer.ranges import COUNT, SHARE, SHARE_ABOVE_0, between, check, one_of

ResnetDepth = Literal[18, 34, 50, 101, 152, 200]


@dataclass(frozen=True, kw_only=True)
class ResnetOptions:
    """A ResNet; the defaults are the source's ResNet-18 at 224 pixels.

    Attributes:
        resnet_depth: layers of the ResNet
        image_size: side of the square that the model sees, in pixels
        label_smoothing: probability mass that is spread over all classes, 0 to below 1
        crop_area_min: smallest share of an image that a random crop keeps

    Raises:
        InputError: a value is out of range.
    """

    resnet_depth: ResnetDepth = 18
    image_size: int = 224
    label_smoothing: float = 0.0
    crop_area_min: float = 0.08

    def __post_init__(self) -> None:
        check(
            self,
            {
                "resnet_depth": one_of(ResnetDepth),
                "image_size": between(32, 1024, "pixels"),
                "label_smoothing": SHARE,
                "crop_area_min": SHARE_ABOVE_0,
            },
        )


@dataclass(frozen=True, kw_only=True)
class AutoencoderOptions:
    """A convolutional autoencoder of grey pictures.

    Attributes:
        image_size: side of the square that the model sees, in pixels; a multiple of 4
        filters: of the first convolution; the second has twice as many
        code_size: numbers that a picture is reduced to

    Raises:
        InputError: a value is out of range.
    """

    image_size: int = 28
    filters: int = 16
    code_size: int = 32

    def __post_init__(self) -> None:
        sizes = between(8, 256, "pixels, a multiple of 4")
        check(
            self,
            {
                "image_size": sizes._replace(holds=lambda value: sizes.holds(value) and value % 4 == 0),
                "filters": COUNT,
                "code_size": COUNT,
            },
        )
