"""Pictures that the conversion accepts, as trainer and server read them: damaged, huge, turned ones.

`MUTATED_PICTURES=1000` damages more of them.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from contract.images import MAX_PIXELS, prepare_image
from contract.validation import ContractError
from preprocessing.errors import InvalidRecordError
from preprocessing.images.validation import validate_image
from trainer.images import MEAN, STANDARD_DEVIATION, center_crop, grayscale_image, random_crop
from trainer.tensorboard import CaptionedImage, contact_sheet

MUTATIONS = int(os.environ.get("MUTATED_PICTURES", "300"))
SEED = 11
SIDE = 48


def picture(seed: int, **options: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    mode = options.pop("mode", "RGB")
    image = Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC).convert(mode)
    encoded = io.BytesIO()
    image.save(encoded, options.pop("format", "JPEG"), **options)
    return encoded.getvalue()


ORIGINALS = [
    picture(1, quality=90),
    picture(2, quality=60, subsampling=2),
    picture(3, quality=85, progressive=True),
    picture(4, quality=80, mode="L"),
    picture(5, quality=80, restart_marker_rows=1),
    picture(6, quality=80, optimize=True),
    picture(7, format="PNG"),
]


def cut(data: bytearray, draw: random.Random) -> bytes:
    return bytes(data[: draw.randrange(1, len(data))]) + draw.choice((b"", b"\xff\xd9"))


def flip(data: bytearray, draw: random.Random) -> bytes:
    # Mostly in the header, where the damage is worst.
    for _ in range(draw.randrange(1, 4)):
        end = 700 if draw.random() < 0.7 else len(data)
        data[draw.randrange(2, min(end, len(data)))] = draw.randrange(256)
    return bytes(data)


def zero(data: bytearray, draw: random.Random) -> bytes:
    start = draw.randrange(2, len(data) - 2)
    length = draw.randrange(1, min(600, len(data) - start))
    data[start : start + length] = bytes(length)
    return bytes(data)


def stray_marker(data: bytearray, draw: random.Random) -> bytes:
    place = draw.randrange(20, len(data) - 4)
    data[place : place + 2] = bytes((0xFF, draw.randrange(256)))
    return bytes(data)


def without(data: bytearray, draw: random.Random) -> bytes:
    start = draw.randrange(2, len(data) - 2)
    del data[start : start + draw.randrange(1, 300)]
    return bytes(data)


MUTATORS: list[Callable[[bytearray, random.Random], bytes]] = [cut, flip, flip, zero, stray_marker, without]


def readable_by_models(encoded: bytes) -> None:
    file = tf.constant(encoded)
    center_crop(file, image_size=SIDE)
    random_crop(file, image_size=SIDE, crop_area_min=0.08, seed=tf.constant([1, 2], tf.int64))
    grayscale_image(file, image_size=SIDE)
    contact_sheet([CaptionedImage(file=io.BytesIO(encoded), caption="x", correct=True)])


def test_damaged_picture_that_passes_the_conversion_is_read_by_trainer_and_server() -> None:
    draw = random.Random(SEED)
    passed = 0
    for number in range(MUTATIONS):
        mutated = draw.choice(MUTATORS)(bytearray(draw.choice(ORIGINALS)), draw)
        try:
            valid = validate_image(mutated, strict=False)
        except InvalidRecordError:
            continue
        passed += 1
        try:
            readable_by_models(valid.encoded)
            readable_by_models(prepare_image(mutated, "image"))
        except tf.errors.InvalidArgumentError as error:
            pytest.fail(f"mutation {number} passes, but: {error.message}")
    assert 0.1 * MUTATIONS < passed < 0.9 * MUTATIONS


@pytest.mark.parametrize("original", ORIGINALS)
def test_whole_picture_passes_and_is_read_by_trainer_and_server(original: bytes) -> None:
    readable_by_models(validate_image(original, strict=True).encoded)


def turned(orientation: int, image_format: str) -> tuple[bytes, Image.Image]:
    """A picture as a phone stores it, and as a person sees it."""
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[:, :20] = (255, 0, 0)
    pixels[-20:, :] = (0, 255, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, image_format, exif=exif, quality=95)
    return encoded.getvalue(), ImageOps.exif_transpose(Image.open(io.BytesIO(encoded.getvalue())))


def seen(encoded: bytes) -> np.ndarray[Any, Any]:
    found = center_crop(tf.constant(encoded), image_size=64).numpy()
    return np.asarray(found * STANDARD_DEVIATION + MEAN)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_of_a_phone_is_upright_in_training_and_in_a_request(
    orientation: int, image_format: str
) -> None:
    file, upright = turned(orientation, image_format)
    valid = validate_image(file, strict=False)
    assert (valid.width, valid.height) == upright.size
    assert valid.converted == ("png" if image_format == "PNG" else "rotated" if orientation > 1 else "")
    expected = io.BytesIO()
    upright.convert("RGB").save(expected, "PNG")
    assert np.abs(seen(valid.encoded) - seen(expected.getvalue())).mean() < 0.02
    assert np.abs(seen(valid.encoded) - seen(prepare_image(file, "image"))).max() < 0.02


@pytest.mark.parametrize("image_format", ["PNG", "GIF", "BMP", "JPEG"])
def test_picture_of_more_pixels_than_are_ever_decoded_is_refused_by_its_header(image_format: str) -> None:
    small = io.BytesIO()
    Image.new("L", (8, 8)).save(small, image_format)
    huge = bytearray(small.getvalue())
    width, height = 40_000, 2_000
    if image_format == "PNG":
        huge[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    elif image_format == "GIF":
        huge[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    elif image_format == "BMP":
        huge[18:26] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    else:
        frame = huge.index(b"\xff\xc0")
        huge[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    assert width * height > MAX_PIXELS
    with pytest.raises(ContractError, match="at most 50,000,000"):
        prepare_image(bytes(huge), "instances[0].image_bytes")
    if image_format in ("PNG", "JPEG"):
        with pytest.raises(InvalidRecordError, match="too_large"):
            validate_image(bytes(huge), strict=False)
        with pytest.raises(tf.errors.InvalidArgumentError):
            center_crop(tf.constant(bytes(huge)), image_size=SIDE)
