"""Image preprocessing, the same in training, evaluation and the exported graph; the base of image models.

The steps for color images are the source's:
https://github.com/tensorflow/tpu/blob/master/models/official/resnet/resnet_preprocessing.py
"""

from __future__ import annotations

from abc import abstractmethod

import tensorflow as tf

from contract import DataContract
from contract.data_contract import IMAGE_INPUT
from contract.images import MAX_PIXELS
from trainer.adapter import ModelAdapter, Tensors
from trainer.records import example_features

MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)
_CROP_PADDING = 32
_SOURCE_SIZE = 224
_ASPECT_RATIOS = (3 / 4, 4 / 3)
_MIN_OBJECT_COVERED = 0.1
_MAX_ATTEMPTS = 10


class ImageAdapter(ModelAdapter):
    """A model of images: its signature takes image files."""

    def serving_inputs(self) -> dict[str, tf.TensorSpec]:
        """Return the one input: image files."""
        return {IMAGE_INPUT: tf.TensorSpec([None], tf.string, name=IMAGE_INPUT)}

    def serve(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Decode image files, and predict."""
        images = tf.map_fn(self.decode, inputs[IMAGE_INPUT], fn_output_signature=tf.float32)
        return self.predict(images, self.network(images, training=False))

    @abstractmethod
    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        """Return an image file, a string scalar, as the network takes it, float32 (size, size, channels)."""

    @abstractmethod
    def predict(self, images: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the outputs of the signature for a batch of images and the outputs of the network."""


def random_crop(encoded: tf.Tensor, *, image_size: int, crop_area_min: float, seed: tf.Tensor) -> tf.Tensor:
    """Return a random crop of an image, flipped or not.

    Args:
        encoded: a JPEG or PNG file; a string scalar.
        image_size: side of the result, in pixels.
        crop_area_min: smallest fraction of the area that is kept.
        seed: int64, shape (2,); the same seed gives the same crop.

    Returns:
        float32 (image_size, image_size, 3), normalized.
    """
    whole = tf.constant([0.0, 0.0, 1.0, 1.0], shape=(1, 1, 4))
    shape = _shape(encoded)
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
    # The operation gives the whole image where no attempt fits; then the center crop is the better choice.
    found = tf.reduce_any(size[:2] != shape[:2])
    window = tf.where(found, tf.concat([begin[:2], size[:2]], axis=0), _center_window(shape, image_size))
    pixels = _decode_resized(encoded, window, image_size)
    pixels = tf.image.stateless_random_flip_left_right(pixels, seed=seed + 1)
    return normalize(pixels)


def center_crop(encoded: tf.Tensor, *, image_size: int) -> tf.Tensor:
    """Return the center crop of an image, whose margin is 32 pixels wide at a size of 224.

    Args:
        encoded: a JPEG or PNG file; a string scalar.
        image_size: side of the result, in pixels.

    Returns:
        float32 (image_size, image_size, 3), normalized.
    """
    window = _center_window(_shape(encoded), image_size)
    return normalize(_decode_resized(encoded, window, image_size))


def normalize(pixels: tf.Tensor) -> tf.Tensor:
    """Normalize pixels of 0 to 255 (..., 3) by the mean and standard deviation of ImageNet's."""
    return (pixels / 255.0 - tf.constant(MEAN)) / tf.constant(STANDARD_DEVIATION)


def _center_window(shape: tf.Tensor, image_size: int) -> tf.Tensor:
    padding = _CROP_PADDING * image_size / _SOURCE_SIZE
    height, width = shape[0], shape[1]
    shorter = tf.cast(tf.minimum(height, width), tf.float32)
    side = tf.maximum(1, tf.cast(image_size / (image_size + padding) * shorter, tf.int32))
    return tf.stack([(height - side + 1) // 2, (width - side + 1) // 2, side, side])


def _shape(encoded: tf.Tensor) -> tf.Tensor:
    """Return height, width and 3, int32 (3,), of a JPEG or PNG file, which is within the bound on pixels."""
    shape = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: tf.io.extract_jpeg_shape(encoded)[:2],
        # The header chunk: width and height are its first two numbers.
        lambda: tf.io.decode_raw(tf.strings.substr(encoded, 16, 8), tf.int32, little_endian=False)[::-1],
    )
    pixels = tf.reduce_prod(tf.cast(shape, tf.int64))
    tf.debugging.Assert(pixels <= MAX_PIXELS, [f"expected at most {MAX_PIXELS} pixels, received", pixels])
    return tf.ensure_shape(tf.concat([shape, [3]], axis=0), (3,))


def _decode_resized(encoded: tf.Tensor, window: tf.Tensor, image_size: int) -> tf.Tensor:
    """Decode the window (top, left, height, width), of a JPEG nothing else."""
    top, left, height, width = tf.unstack(window)
    pixels = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: tf.io.decode_and_crop_jpeg(encoded, window, channels=3),
        lambda: tf.io.decode_png(encoded, channels=3)[top : top + height, left : left + width],
    )
    # Antialiasing, unlike the source: models may be small here, and photographs then shrink many times over.
    resized = tf.image.resize(pixels, (image_size, image_size), method="bicubic", antialias=True)
    return tf.ensure_shape(tf.clip_by_value(resized, 0.0, 255.0), (image_size, image_size, 3))


def grayscale_image(encoded: tf.Tensor, *, image_size: int) -> tf.Tensor:
    """Decode a PNG or JPEG file as grayscale.

    Args:
        encoded: the file; a string scalar.
        image_size: side of the result, in pixels; other images are stretched to it.

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
    """Decode serialized records, string (), as grayscale images, float32 (image_size, image_size, 1)."""
    image = contract.model_inputs[IMAGE_INPUT]
    spec = example_features([image])
    return records.map(
        lambda record: grayscale_image(
            tf.io.parse_single_example(record, spec)[image.name], image_size=image_size
        ),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
