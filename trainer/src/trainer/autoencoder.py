"""Convolutional autoencoder: reduces an image to a latent vector and reconstructs it."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.adapter import Tensors
from trainer.evaluators import ERROR
from trainer.examples import Predictions
from trainer.images import ImageAdapter, grayscale_image, grayscale_images
from trainer.options import AutoencoderOptions
from trainer.records import IMAGE_INPUT, Records, instance_features

RECONSTRUCTION = "reconstruction"
_SHOWN_SCALE = 4


class Autoencoder(ImageAdapter):
    """Learns to make a picture of few numbers.

    Its export gives `reconstruction`, float32 (batch, size, size, 1), from 0 to 1, and the mean squared
    `error` of a pixel, float32 (batch,).

    Args:
        records: of the dataset; PNG or JPEG files.
        options: of the network.
        policy: Keras dtype policy.

    Raises:
        InputError: the records have no image.
    """

    train_metric_name = "mse"

    def __init__(self, records: Records, options: AutoencoderOptions, *, policy: str) -> None:
        instance_features(records.contract)
        self._contract = records.contract
        self._size = options.image_size
        self.network = network(options, policy=policy)

    def evaluation_batches(self, records: tf.data.Dataset, *, batch_size: int) -> tf.data.Dataset:
        """Pictures, float32 (batch, size, size, 1), which are the targets, too."""
        pictures = grayscale_images(records, self._contract, image_size=self._size)
        return pictures.batch(batch_size, drop_remainder=True).map(lambda batch: (batch, batch))

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Mean cross-entropy of a pixel, in nats."""
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, tf.cast(outputs, tf.float32))
        return tf.reduce_mean(losses, axis=(1, 2, 3))

    def train_metric(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Mean squared error of a pixel."""
        return _errors(targets, tf.sigmoid(tf.cast(outputs, tf.float32)))

    def serving_inputs(self) -> dict[str, tf.TensorSpec]:
        """PNG or JPEG files."""
        return {IMAGE_INPUT: tf.TensorSpec([None], tf.string, name=IMAGE_INPUT)}

    def serve(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Each picture made again, and how far off it is."""
        pictures = tf.map_fn(
            lambda encoded: grayscale_image(encoded, image_size=self._size),
            inputs[IMAGE_INPUT],
            fn_output_signature=tf.float32,
        )
        made = tf.sigmoid(self.network(pictures, training=False))
        return {RECONSTRUCTION: made, ERROR: _errors(pictures, made)}

    def pictures(self, files: list[bytes], answers: Predictions) -> Mapping[str, NDArray[np.uint8]]:
        """Above, the pictures; below, the same made again."""
        originals = [grayscale_image(tf.constant(file), image_size=self._size).numpy() for file in files]
        rows = [np.concatenate(list(row), axis=1) for row in (originals, answers.outputs[RECONSTRUCTION])]
        grey = (np.concatenate(rows, axis=0) * 255).round().astype(np.uint8)
        shown = grey.repeat(_SHOWN_SCALE, axis=0).repeat(_SHOWN_SCALE, axis=1).repeat(3, axis=2)
        return {"validation/reconstructions": shown}


def network(options: AutoencoderOptions, *, policy: str) -> keras.Model:
    """From float32 pictures (batch, size, size, 1) to float32 logits of the same shape."""
    small = options.image_size // 4
    picture = keras.Input((options.image_size, options.image_size, 1))
    x = picture
    for filters in (options.filters, 2 * options.filters):
        x = keras.layers.Conv2D(filters, 3, 2, padding="same", activation="relu", dtype=policy)(x)
    x = keras.layers.Flatten(dtype=policy)(x)
    code = keras.layers.Dense(options.code_size, name="code", dtype=policy)(x)
    x = keras.layers.Dense(small * small * 2 * options.filters, activation="relu", dtype=policy)(code)
    x = keras.layers.Reshape((small, small, 2 * options.filters), dtype=policy)(x)
    for filters in (2 * options.filters, options.filters):
        x = keras.layers.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu", dtype=policy)(x)
    logits = keras.layers.Conv2D(1, 3, padding="same", dtype="float32")(x)
    return keras.Model(picture, logits, name="autoencoder")


def _errors(pictures: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(pictures - made), axis=(1, 2, 3))
