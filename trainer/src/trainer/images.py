"""Image preprocessing, the same for training, evaluation and the exported graph, and the adapter of image models.

The steps of color images are the source's:
https://github.com/tensorflow/tpu/blob/master/models/official/resnet/resnet_preprocessing.py
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract import DataContract
from trainer.adapter import ModelAdapter
from trainer.examples import Predictions
from trainer.records import IMAGE_INPUT, example_features, instance_features


class ImageAdapter(ModelAdapter):
    """A model whose answers can be looked at."""

    @abstractmethod
    def pictures(self, files: list[bytes], answers: Predictions) -> Mapping[str, NDArray[np.uint8]]:
        """What TensorBoard shows of some validation records, uint8 (height, width, 3), by name.

        Args:
            files: the pictures that the records hold.
            answers: about these records.
        """


MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)
_CROP_PADDING = 32
_SOURCE_SIZE = 224
_ASPECT_RATIOS = (3 / 4, 4 / 3)
_MIN_OBJECT_COVERED = 0.1
_MAX_ATTEMPTS = 10


def augmented(jpeg: tf.Tensor, *, image_size: int, crop_area_min: float, seed: tf.Tensor) -> tf.Tensor:
    """A random crop of an image, flipped or not.

    Args:
        jpeg: the file; a string scalar.
        image_size: side of the result, in pixels.
        crop_area_min: the smallest share of the image that is kept.
        seed: int64, shape (2,); the same seed gives the same crop.

    Returns:
        float32 (image_size, image_size, 3), normalized.
    """
    whole = tf.constant([0.0, 0.0, 1.0, 1.0], shape=(1, 1, 4))
    shape = tf.io.extract_jpeg_shape(jpeg)
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        whole,
        seed=seed,
        min_object_covered=_MIN_OBJECT_COVERED,
        aspect_ratio_range=_ASPECT_RATIOS,
        area_range=(crop_area_min, 1.0),
        max_attempts=_MAX_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    # The operation gives the whole image where no attempt fits; then the middle is the better choice.
    found = tf.reduce_any(size[:2] != shape[:2])
    window = tf.where(found, tf.concat([begin[:2], size[:2]], axis=0), _center_window(shape, image_size))
    pixels = _decode_resized(jpeg, window, image_size)
    pixels = tf.image.stateless_random_flip_left_right(pixels, seed=seed + 1)
    return normalized(pixels)


def centered(jpeg: tf.Tensor, *, image_size: int) -> tf.Tensor:
    """The middle of an image: a square with a margin that is 32 pixels wide at a size of 224.

    Args:
        jpeg: the file; a string scalar.
        image_size: side of the result, in pixels.

    Returns:
        float32 (image_size, image_size, 3), normalized.
    """
    window = _center_window(tf.io.extract_jpeg_shape(jpeg), image_size)
    return normalized(_decode_resized(jpeg, window, image_size))


def normalized(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels of 0 to 255 (..., 3), by the mean and deviation of ImageNet's."""
    return (pixels / 255.0 - tf.constant(MEAN)) / tf.constant(STANDARD_DEVIATION)


def _center_window(shape: tf.Tensor, image_size: int) -> tf.Tensor:
    padding = _CROP_PADDING * image_size / _SOURCE_SIZE
    height, width = shape[0], shape[1]
    shorter = tf.cast(tf.minimum(height, width), tf.float32)
    side = tf.maximum(1, tf.cast(image_size / (image_size + padding) * shorter, tf.int32))
    return tf.stack([(height - side + 1) // 2, (width - side + 1) // 2, side, side])


def _decode_resized(jpeg: tf.Tensor, window: tf.Tensor, image_size: int) -> tf.Tensor:
    """Decode only the window (top, left, height, width)."""
    pixels = tf.io.decode_and_crop_jpeg(jpeg, window, channels=3)
    # Antialiasing, unlike the source: models may be small here, and photographs then shrink many times over.
    resized = tf.image.resize(pixels, (image_size, image_size), method="bicubic", antialias=True)
    return tf.ensure_shape(tf.clip_by_value(resized, 0.0, 255.0), (image_size, image_size, 3))


def grayscale_image(encoded: tf.Tensor, *, image_size: int) -> tf.Tensor:
    """A PNG or JPEG file as brightness.

    Args:
        encoded: the file; a string scalar.
        image_size: side of the result, in pixels; other pictures are stretched to it.

    Returns:
        float32 (image_size, image_size, 1), from 0 to 1.
    """
    pixels = tf.io.decode_image(encoded, channels=1, dtype=tf.uint8, expand_animations=False)
    pixels = tf.cast(pixels, tf.float32)
    size = (image_size, image_size)
    fits = tf.reduce_all(tf.shape(pixels)[:2] == size)
    # Resizing costs more than the rest of it together, even to the size that is there.
    pixels = tf.cond(fits, lambda: pixels, lambda: tf.image.resize(pixels, size, antialias=True))
    return tf.ensure_shape(pixels / 255.0, (*size, 1))


def grayscale_images(records: tf.data.Dataset, contract: DataContract, *, image_size: int) -> tf.data.Dataset:
    """Serialized records, string (), as pictures, float32 (image_size, image_size, 1)."""
    image = instance_features(contract)[IMAGE_INPUT]
    spec = example_features([image])
    return records.map(
        lambda record: grayscale_image(
            tf.io.parse_single_example(record, spec)[image.name], image_size=image_size
        ),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
