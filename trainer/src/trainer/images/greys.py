"""Picture files to grey pixels: for training and inside the exported graph."""

from __future__ import annotations

import tensorflow as tf

from contract import DataContract
from trainer.records import IMAGE_INPUT, example_features, instance_features


def grey_picture(encoded: tf.Tensor, *, image_size: int) -> tf.Tensor:
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


def grey_pictures(records: tf.data.Dataset, contract: DataContract, *, image_size: int) -> tf.data.Dataset:
    """Serialized records, string (), as pictures, float32 (image_size, image_size, 1)."""
    image = instance_features(contract)[IMAGE_INPUT]
    spec = example_features([image])
    return records.map(
        lambda record: grey_picture(
            tf.io.parse_single_example(record, spec)[image.name], image_size=image_size
        ),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
