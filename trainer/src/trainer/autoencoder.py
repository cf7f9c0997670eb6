"""Convolutional autoencoder: reduces an image to a latent vector and reconstructs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.data_contract import IMAGE_INPUT
from trainer.adapter import ERROR, RECONSTRUCTION
from trainer.examples import Predictions
from trainer.images import ImageAdapter, grayscale_image, grayscale_images
from trainer.options import AutoencoderOptions
from trainer.records import Records

_SUMMARY_SCALE = 4


class Autoencoder(ImageAdapter):
    """Autoencoder that reconstructs an image from a latent vector.

    Its export predicts `reconstruction`, float32 (batch, size, size, 1), from 0 to 1, and the mean squared
    `error` of a pixel, float32 (batch,).

    Args:
        records: of the dataset; PNG or JPEG files.
        options: of the network.
        policy: Keras dtype policy.
    """

    train_metric_name = "mse"

    def __init__(self, records: Records, options: AutoencoderOptions, *, policy: str) -> None:
        self._contract = records.contract
        self._size = options.image_size
        self.network = network(options, policy=policy)

    def evaluation_batches(self, records: tf.data.Dataset, *, batch_size: int) -> tf.data.Dataset:
        """Return images, float32 (batch, size, size, 1), as inputs and as targets."""
        images = grayscale_images(records, self._contract, image_size=self._size)
        return images.batch(batch_size, drop_remainder=True).map(lambda batch: (batch, batch))

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the mean cross-entropy of a pixel, in nats."""
        losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, tf.cast(outputs, tf.float32))
        return tf.reduce_mean(losses, axis=(1, 2, 3))

    def train_metric(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the mean squared error of a pixel."""
        return _errors(targets, tf.sigmoid(tf.cast(outputs, tf.float32)))

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        """Decode a PNG or JPEG file, float32 (size, size, 1), from 0 to 1."""
        return grayscale_image(encoded, image_size=self._size)

    def predict(self, images: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the reconstruction of each image, and its error."""
        reconstructions = tf.sigmoid(outputs)
        return {RECONSTRUCTION: reconstructions, ERROR: _errors(images, reconstructions)}

    def summary_images(
        self, inputs: Mapping[str, NDArray[Any]], predictions: Predictions
    ) -> Mapping[str, NDArray[np.uint8]]:
        """Return the images in one row, and their reconstructions below."""
        originals = [self.decode(tf.constant(file)).numpy() for file in inputs[IMAGE_INPUT].tolist()]
        reconstructions = predictions.outputs[RECONSTRUCTION]
        rows = [np.concatenate(list(row), axis=1) for row in (originals, reconstructions)]
        gray = (np.concatenate(rows, axis=0) * 255).round().astype(np.uint8)
        scaled = gray.repeat(_SUMMARY_SCALE, axis=0).repeat(_SUMMARY_SCALE, axis=1).repeat(3, axis=2)
        return {"validation/reconstructions": scaled}


def network(options: AutoencoderOptions, *, policy: str) -> keras.Model:
    """Return an untrained autoencoder: float32 images (batch, size, size, 1) to logits of the same shape."""
    small = options.image_size // 4
    image = keras.Input((options.image_size, options.image_size, 1))
    x = image
    for filters in (options.filters, 2 * options.filters):
        x = keras.layers.Conv2D(filters, 3, 2, padding="same", activation="relu", dtype=policy)(x)
    x = keras.layers.Flatten(dtype=policy)(x)
    code = keras.layers.Dense(options.code_size, name="code", dtype=policy)(x)
    x = keras.layers.Dense(small * small * 2 * options.filters, activation="relu", dtype=policy)(code)
    x = keras.layers.Reshape((small, small, 2 * options.filters), dtype=policy)(x)
    for filters in (2 * options.filters, options.filters):
        x = keras.layers.Conv2DTranspose(filters, 3, 2, padding="same", activation="relu", dtype=policy)(x)
    logits = keras.layers.Conv2D(1, 3, padding="same", dtype="float32")(x)
    return keras.Model(image, logits, name="autoencoder")


def _errors(images: tf.Tensor, reconstructions: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.square(images - reconstructions), axis=(1, 2, 3))
