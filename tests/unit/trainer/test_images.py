"""Crops, flips and normalization."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from trainer.images import MEAN, STANDARD_DEVIATION, center_crop, normalize, random_crop


def jpeg(width: int, height: int, *, mode: str = "RGB") -> bytes:
    pixels = np.linspace(0, 255, width * height * len(mode)).reshape(height, width, -1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(), mode).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.mark.parametrize(("width", "height"), [(80, 60), (60, 80), (31, 500), (7, 5)])
def test_augmented_image_of_any_shape_is_a_square(width, height):
    image = random_crop(
        tf.constant(jpeg(width, height)),
        image_size=48,
        crop_area_min=0.08,
        seed=tf.constant([1, 2], tf.int64),
    )

    assert image.shape == (48, 48, 3)
    assert image.dtype == tf.float32
    assert np.isfinite(image.numpy()).all()


def test_augmented_image_with_the_same_seed_is_the_same_and_with_another_is_not():
    file = tf.constant(jpeg(80, 60))
    crops = [
        random_crop(file, image_size=32, crop_area_min=0.08, seed=tf.constant(seed, tf.int64)).numpy()
        for seed in ([1, 2], [1, 2], [3, 4])
    ]

    np.testing.assert_array_equal(crops[0], crops[1])
    assert np.abs(crops[0] - crops[2]).max() > 0.05


@pytest.mark.parametrize(("width", "height"), [(80, 60), (60, 80), (7, 5)])
def test_centered_image_of_any_shape_is_a_square(width, height):
    assert center_crop(tf.constant(jpeg(width, height)), image_size=32).shape == (32, 32, 3)


def test_centered_image_at_224_keeps_224_of_256_pixels():
    """The source's evaluation crop: a padding of 32 around 224."""
    white = np.zeros((256, 256, 3), np.uint8)
    white[16:240, 16:240] = 255
    buffer = io.BytesIO()
    Image.fromarray(white).save(buffer, "JPEG", quality=100)

    image = center_crop(tf.constant(buffer.getvalue()), image_size=224).numpy()

    assert np.abs(image - normalize(tf.fill((224, 224, 3), 255.0)).numpy()).max() < 0.1


def test_centered_greyscale_image_gets_three_channels():
    file = tf.constant(jpeg(40, 40, mode="L"))

    assert center_crop(file, image_size=32).shape == (32, 32, 3)


def test_normalized_mean_color_is_zero():
    np.testing.assert_allclose(normalize(tf.constant(MEAN) * 255), 0, atol=1e-6)
    np.testing.assert_allclose(
        normalize((tf.constant(MEAN) + tf.constant(STANDARD_DEVIATION)) * 255), 1, atol=1e-5
    )
