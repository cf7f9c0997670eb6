"""ResNet v1.5 image classifier: network and adapter. The stride of a bottleneck is in its 3x3 convolution."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.data_contract import IMAGE_INPUT
from trainer.adapter import PROBABILITIES
from trainer.errors import InputError
from trainer.examples import Predictions
from trainer.images import ImageAdapter, center_crop, random_crop
from trainer.options import ResnetOptions
from trainer.records import Records, check_label, example_features
from trainer.tensorboard import CaptionedImage, contact_sheet

CLASSES = "classes"

_STEM_FILTERS = 64
_BOTTLENECK_EXPANSION = 4


@dataclass(frozen=True)
class _Layers:
    """Layers of a ResNet, all of one dtype policy. Tensors are (batch, height, width, channels)."""

    policy: str

    def convolution(
        self, x: keras.KerasTensor, filters: int, *, kernel: int, stride: int = 1
    ) -> keras.KerasTensor:
        """Add a convolution without bias; its padding does not depend on the size of the input."""
        if stride > 1 and kernel > 1:
            before = (kernel - 1) // 2
            padding = ((before, kernel - 1 - before),) * 2
            x = keras.layers.ZeroPadding2D(padding, dtype=self.policy)(x)
        return keras.layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="same" if stride == 1 else "valid",
            use_bias=False,
            kernel_initializer=keras.initializers.VarianceScaling(2.0, mode="fan_out"),
            dtype=self.policy,
        )(x)

    def normalization(
        self, x: keras.KerasTensor, *, relu: bool = True, gamma: str = "ones"
    ) -> keras.KerasTensor:
        """Add batch normalization with the source's constants."""
        x = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, gamma_initializer=gamma, dtype=self.policy
        )(x)
        return keras.layers.ReLU(dtype=self.policy)(x) if relu else x

    def join(self, x: keras.KerasTensor, shortcut: keras.KerasTensor) -> keras.KerasTensor:
        """Add the shortcut at the end of a block."""
        return keras.layers.ReLU(dtype=self.policy)(keras.layers.Add(dtype=self.policy)([x, shortcut]))


def _basic(
    layers: _Layers, x: keras.KerasTensor, filters: int, *, stride: int, project: bool
) -> keras.KerasTensor:
    shortcut = x
    if project:
        shortcut = layers.normalization(layers.convolution(x, filters, kernel=1, stride=stride), relu=False)
    x = layers.normalization(layers.convolution(x, filters, kernel=3, stride=stride))
    x = layers.normalization(layers.convolution(x, filters, kernel=3), relu=False, gamma="zeros")
    return layers.join(x, shortcut)


def _bottleneck(
    layers: _Layers, x: keras.KerasTensor, filters: int, *, stride: int, project: bool
) -> keras.KerasTensor:
    shortcut, wide = x, filters * _BOTTLENECK_EXPANSION
    if project:
        shortcut = layers.normalization(layers.convolution(x, wide, kernel=1, stride=stride), relu=False)
    x = layers.normalization(layers.convolution(x, filters, kernel=1))
    x = layers.normalization(layers.convolution(x, filters, kernel=3, stride=stride))
    x = layers.normalization(layers.convolution(x, wide, kernel=1), relu=False, gamma="zeros")
    return layers.join(x, shortcut)


_BLOCKS = MappingProxyType(
    {
        18: (_basic, (2, 2, 2, 2)),
        34: (_basic, (3, 4, 6, 3)),
        50: (_bottleneck, (3, 4, 6, 3)),
        101: (_bottleneck, (3, 4, 23, 3)),
        152: (_bottleneck, (3, 8, 36, 3)),
        200: (_bottleneck, (3, 24, 36, 3)),
    }
)


def resnet(depth: int, *, image_size: int, classes: int, policy: str = "float32") -> keras.Model:
    """Return an untrained ResNet (He et al., 2015, https://arxiv.org/abs/1512.03385).

    The last batch normalization of each block begins with gamma 0, so that the block begins as the identity
    (Goyal et al., 2017, https://arxiv.org/abs/1706.02677).

    Args:
        depth: one of `trainer.options.ResnetDepth`.
        image_size: side of the square input, in pixels.
        classes: of the output.
        policy: Keras dtype policy of all layers but the last.

    Returns:
        A model from float32 (batch, size, size, 3), normalized, to float32 logits (batch, classes).

    Raises:
        InputError: there is no ResNet of this depth.
    """
    if depth not in _BLOCKS:
        raise InputError("--resnet-depth", expected=f"one of {tuple(_BLOCKS)}", received=depth)
    block, groups = _BLOCKS[depth]
    layers = _Layers(policy)
    inputs = keras.Input((image_size, image_size, 3), name="image", dtype="float32")
    x = layers.convolution(inputs, _STEM_FILTERS, kernel=7, stride=2)
    x = layers.normalization(x)
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same", dtype=policy)(x)
    for group, repeats in enumerate(groups):
        filters = _STEM_FILTERS * 2**group
        x = block(layers, x, filters, stride=1 if group == 0 else 2, project=True)
        for _ in range(repeats - 1):
            x = block(layers, x, filters, stride=1, project=False)
    x = keras.layers.GlobalAveragePooling2D(dtype=policy)(x)
    logits = keras.layers.Dense(
        classes,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        dtype="float32",
        name="logits",
    )(x)
    return keras.Model(inputs, logits, name=f"resnet{depth}")


class ImageClassifier(ImageAdapter):
    """The source's ResNet. Its export predicts `classes`, int64 (batch,), from 0, and `probabilities`.

    Args:
        records: of the dataset; JPEG files with classes.
        options: of the network and of augmentation.
        policy: Keras dtype policy.

    Raises:
        ContractError: the label has no classes, or the records no image.
    """

    train_metric_name = "accuracy"

    def __init__(self, records: Records, options: ResnetOptions, *, policy: str) -> None:
        check_label(records.contract, classes=True)
        self.labels = records.labels
        self._options = options
        self._image = records.contract.model_inputs[IMAGE_INPUT]
        self._label = records.contract.label
        self._spec = example_features([self._image, self._label])
        self._class_weights = records.balanced_weights if options.class_weights == "balanced" else None
        self.network = resnet(
            options.resnet_depth, image_size=options.image_size, classes=len(records.labels), policy=policy
        )

    def training_batches(self, records: tf.data.Dataset, *, batch_size: int, seed: int) -> tf.data.Dataset:
        """Return random crops, float32 (batch, size, size, 3), and classes, int64 (batch,)."""

        def parse(record: tf.Tensor, example_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = tf.io.parse_single_example(record, self._spec)
            pixels = random_crop(
                example[self._image.name],
                image_size=self._options.image_size,
                crop_area_min=self._options.crop_area_min,
                seed=example_seed,
            )
            return pixels, example[self._label.name] - self._label.first_index

        seeds = tf.data.Dataset.random(seed=seed).batch(2)
        return (
            tf.data.Dataset.zip(records, seeds)
            .map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
            .batch(batch_size, drop_remainder=True)
        )

    def evaluation_batches(self, records: tf.data.Dataset, *, batch_size: int) -> tf.data.Dataset:
        """Return center crops, float32 (batch, size, size, 3), and classes, int64 (batch,)."""

        def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = tf.io.parse_single_example(record, self._spec)
            pixels = self.decode(example[self._image.name])
            return pixels, example[self._label.name] - self._label.first_index

        return records.map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).batch(
            batch_size, drop_remainder=True
        )

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the cross-entropy in nats."""
        return keras.losses.sparse_categorical_crossentropy(targets, outputs, from_logits=True)

    def training_losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the cross-entropy with label smoothing and class weights."""
        losses = keras.losses.categorical_crossentropy(
            tf.one_hot(targets, outputs.shape[-1]),
            outputs,
            from_logits=True,
            label_smoothing=self._options.label_smoothing,
        )
        return losses if self._class_weights is None else losses * tf.gather(self._class_weights, targets)

    def train_metric(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Return the accuracy: 1 for each image that is classified correctly, else 0."""
        return tf.cast(tf.argmax(outputs, axis=-1) == targets, tf.float32)

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        """Decode the center crop of a JPEG file, float32 (size, size, 3), normalized."""
        return center_crop(encoded, image_size=self._options.image_size)

    def predict(self, images: tf.Tensor, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the class and the probabilities of each image."""
        del images
        probabilities = tf.nn.softmax(outputs)
        return {CLASSES: tf.argmax(probabilities, axis=-1), PROBABILITIES: probabilities}

    def summary_images(
        self, inputs: Mapping[str, NDArray[Any]], predictions: Predictions
    ) -> Mapping[str, NDArray[np.uint8]]:
        """Return a contact sheet of the images, captioned with the predicted classes."""
        rows = zip(
            inputs[IMAGE_INPUT].tolist(),
            predictions.targets,
            predictions.outputs[PROBABILITIES],
            strict=True,
        )
        captioned = []
        for file, label, probabilities in rows:
            predicted = int(probabilities.argmax())
            correct = bool(predicted == label)
            caption = f"{self.labels[predicted]} {probabilities[predicted]:.0%}"
            captioned.append(
                CaptionedImage(
                    file=io.BytesIO(file),
                    caption=caption if correct else f"{caption}\nis {self.labels[label]}",
                    correct=correct,
                )
            )
        return {"validation/predictions": contact_sheet(captioned)}
