"""A ResNet that tells which of some classes a picture is."""

from __future__ import annotations

import io
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.images.contact_sheet import Captioned, contact_sheet
from trainer.images.learner import PictureLearner
from trainer.images.options import ResnetOptions
from trainer.images.processing import augmented, centered
from trainer.images.resnet import resnet
from trainer.learner import Tensors
from trainer.records import IMAGE_INPUT, Records, check_label, example_features, instance_features
from trainer.scores.classes import PROBABILITIES
from trainer.scores.score import Answers

CLASSES = "classes"


class ImageClassifier(PictureLearner):
    """The source's ResNet. Its export gives `classes`, int64 (batch,), from 0, and `probabilities`.

    Args:
        records: of the dataset; JPEG files with classes.
        options: of the network and of augmentation.
        policy: Keras dtype policy.

    Raises:
        ContractError: the label has no classes.
        InputError: the records have no image.
    """

    progress_name = "accuracy"

    def __init__(self, records: Records, options: ResnetOptions, *, policy: str) -> None:
        check_label(records.contract, classes=True)
        self.labels = records.labels
        self._options = options
        self._image = instance_features(records.contract)[IMAGE_INPUT]
        self._label = records.contract.label
        self._spec = example_features([self._image, self._label])
        self.network = resnet(
            options.resnet_depth, image_size=options.image_size, classes=len(records.labels), policy=policy
        )

    def training_batches(self, records: tf.data.Dataset, *, batch_size: int, seed: int) -> tf.data.Dataset:
        """Random crops of JPEGs, float32 (batch, size, size, 3), and classes, int64 (batch,)."""

        def parse(record: tf.Tensor, example_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = tf.io.parse_single_example(record, self._spec)
            pixels = augmented(
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
        """The middles of JPEGs, float32 (batch, size, size, 3), and classes, int64 (batch,)."""

        def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = tf.io.parse_single_example(record, self._spec)
            pixels = centered(example[self._image.name], image_size=self._options.image_size)
            return pixels, example[self._label.name] - self._label.first_index

        return records.map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).batch(
            batch_size, drop_remainder=True
        )

    def losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Cross-entropy in nats."""
        return keras.losses.sparse_categorical_crossentropy(targets, outputs, from_logits=True)

    def training_losses(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Cross-entropy with smoothed labels."""
        return keras.losses.categorical_crossentropy(
            tf.one_hot(targets, outputs.shape[-1]),
            outputs,
            from_logits=True,
            label_smoothing=self._options.label_smoothing,
        )

    def progress(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Whether each picture was classified rightly."""
        return tf.cast(tf.argmax(outputs, axis=-1) == targets, tf.float32)

    def serving_inputs(self) -> dict[str, tf.TensorSpec]:
        """JPEG files."""
        return {IMAGE_INPUT: tf.TensorSpec([None], tf.string, name=IMAGE_INPUT)}

    def serve(self, inputs: Tensors) -> dict[str, tf.Tensor]:
        """Class and probabilities of each JPEG file."""
        pictures = tf.map_fn(
            lambda jpeg: centered(jpeg, image_size=self._options.image_size),
            inputs[IMAGE_INPUT],
            fn_output_signature=tf.float32,
        )
        probabilities = tf.nn.softmax(self.network(pictures, training=False))
        return {CLASSES: tf.argmax(probabilities, axis=-1), PROBABILITIES: probabilities}

    def pictures(self, files: list[bytes], answers: Answers) -> Mapping[str, NDArray[np.uint8]]:
        """The pictures with what the model sees in them, green where it is right."""
        captioned = []
        for file, label, chances in zip(files, answers.targets, answers.outputs[PROBABILITIES], strict=True):
            predicted, right = int(chances.argmax()), bool(chances.argmax() == label)
            says = f"{self.labels[predicted]} {chances[predicted]:.0%}"
            captioned.append(
                Captioned(
                    picture=io.BytesIO(file),
                    caption=says if right else f"{says}\nis {self.labels[label]}",
                    right=right,
                )
            )
        return {"validation/predictions": contact_sheet(captioned)}
