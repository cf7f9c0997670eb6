"""A trained model as a SavedModel that takes JPEG files, and that SavedModel as a caller sees it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainer.errors import InputError
from trainer.image_processing import centered

SIGNATURE = "serving_default"
INPUT = "image_bytes"
CLASSES = "classes"
PROBABILITIES = "probabilities"

# TensorFlow leaves this folder of a SavedModel to its users.
_LABELS = Path("assets.extra", "labels.json")


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a model says of some images.

    Attributes:
        classes: int64 (images,), from 0.
        probabilities: float32 (images, classes).
    """

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def save_model(model: keras.Model, folder: Path, *, labels: Sequence[str]) -> None:
    """Write a SavedModel with the preprocessing inside; what was there before is replaced.

    Its signature `serving_default` takes `image_bytes`, JPEG files as string (batch,), and gives `classes`,
    int64 (batch,), from 0, and `probabilities`, float32 (batch, classes).

    Args:
        model: from float32 images (batch, size, size, 3) to logits.
        folder: where it goes.
        labels: the classes in order; they lie beside the graph, in `assets.extra/labels.json`.
    """
    image_size = model.input_shape[1]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=INPUT)])
    def serve(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.map_fn(
            lambda jpeg: centered(jpeg, image_size=image_size), image_bytes, fn_output_signature=tf.float32
        )
        probabilities = tf.nn.softmax(model(images, training=False))
        return {CLASSES: tf.argmax(probabilities, axis=-1), PROBABILITIES: probabilities}

    # Not the model itself: as Keras saves it, TensorFlow 1's loader, which `gcloud ai-platform local predict`
    # uses, doesn't find its variables again.
    servable = tf.Module()
    servable.model_variables = [variable.value for variable in model.variables]
    servable.serve = serve
    if folder.exists():
        shutil.rmtree(folder)
    tf.saved_model.save(servable, str(folder), signatures={SIGNATURE: serve})
    (folder / _LABELS).parent.mkdir()
    (folder / _LABELS).write_text(json.dumps(list(labels)) + "\n")


class ExportedModel:
    """A SavedModel, read from disk and called through its signature.

    Args:
        folder: of the SavedModel.
        field: how errors name it.

    Raises:
        InputError: there is no SavedModel with such a signature.
    """

    def __init__(self, folder: Path, *, field: str = "model") -> None:
        if not (folder / "saved_model.pb").is_file():
            raise InputError(field, expected="the folder of a SavedModel", received=str(folder))
        self.folder = folder
        # The signature lives only as long as the object that it was loaded with.
        self._loaded = tf.saved_model.load(str(folder))
        self._signature = self._loaded.signatures.get(SIGNATURE)
        if self._signature is None:
            found = sorted(self._loaded.signatures)
            raise InputError(f"signatures of {field}", expected=SIGNATURE, received=found)
        described = self.signature()
        if set(described["inputs"]) != {INPUT} or set(described["outputs"]) != {CLASSES, PROBABILITIES}:
            expected = f"{INPUT} -> {CLASSES}, {PROBABILITIES}"
            raise InputError(f"{SIGNATURE} of {field}", expected=expected, received=described)

    def predict(self, images: Sequence[bytes]) -> Predictions:
        """What the model says of these JPEG files."""
        outputs = self._signature(**{INPUT: tf.constant(list(images), tf.string)})
        return Predictions(classes=outputs[CLASSES].numpy(), probabilities=outputs[PROBABILITIES].numpy())

    def labels(self) -> tuple[str, ...] | None:
        """The classes in the order of the output, or `None` where the export doesn't say."""
        path = self.folder / _LABELS
        return tuple(json.loads(path.read_text())) if path.is_file() else None

    def signature(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Inputs and outputs by name, with dtype and shape, as plain JSON values."""
        _, inputs = self._signature.structured_input_signature
        return {"inputs": _described(inputs), "outputs": _described(self._signature.structured_outputs)}

    def bytes(self) -> int:
        """The size of all files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def _described(specs: dict[str, tf.TensorSpec]) -> dict[str, dict[str, Any]]:
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in sorted(specs.items())
    }
