"""Tiny SavedModels, written once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _save(module: Any, signature: Any, folder: Path) -> Path:
    import tensorflow as tf

    tf.saved_model.save(module, str(folder), signatures=signature)
    return folder


@pytest.fixture(scope="session")
def image_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`image_bytes` (string) -> `classes` (the brightest channel), `probabilities` (3)."""
    import tensorflow as tf

    class Brightest(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])  # type: ignore[misc]
        def __call__(self, image_bytes: Any) -> dict[str, Any]:
            def means(encoded: Any) -> Any:
                image = tf.io.decode_jpeg(encoded, channels=3)
                return tf.reduce_mean(tf.cast(image, tf.float32), axis=(0, 1))

            probabilities = tf.nn.softmax(
                tf.map_fn(means, image_bytes, fn_output_signature=tf.TensorSpec([3], tf.float32)) / 255.0
            )
            return {"classes": tf.argmax(probabilities, axis=1), "probabilities": probabilities}

    module = Brightest()
    return _save(module, module.__call__, tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def number_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`position` (2 floats), `passengers` (int32) -> one output: the ratio of their sum to the passengers."""
    import tensorflow as tf

    class Ratio(tf.Module):  # type: ignore[misc]
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, 2], tf.float32, name="position"),
                tf.TensorSpec([None], tf.int32, name="passengers"),
            ]
        )  # type: ignore[misc]
        def __call__(self, position: Any, passengers: Any) -> dict[str, Any]:
            return {"fare": tf.reduce_sum(position, axis=1) / tf.cast(passengers, tf.float32)}

    module = Ratio()
    return _save(module, module.__call__, tmp_path_factory.mktemp("number"))
