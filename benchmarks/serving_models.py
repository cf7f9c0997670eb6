"""Models, requests and server processes of `prediction_server.py`."""

from __future__ import annotations

import base64
import http.client
import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contract.artifacts import GoldenRequest

IMAGE_SIZE = 224
NUMBERS = ("age", "capital_gain", "capital_loss", "education_num", "hours_per_week")
TEXTS = (
    "education",
    "gender",
    "marital_status",
    "native_country",
    "occupation",
    "race",
    "relationship",
    "work",
)


@contextmanager
def serving(model_dir: Path, *flags: str, sources: Path | None = None) -> Iterator[tuple[int, float]]:
    """Run a server process; yield its port, and the seconds until it was ready.

    Args:
        model_dir: the SavedModel.
        flags: more flags of the server.
        sources: `serving/src` of another checkout; else this one's.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    command = [sys.executable, "-m", "serving.main", "--model", str(model_dir), "--port", str(port), *flags]
    environment = {**os.environ, **({"PYTHONPATH": str(sources)} if sources else {})}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    try:
        while not is_ready(port):
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with {process.returncode}")
            time.sleep(0.05)
        yield port, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait()


def is_ready(port: int) -> bool:
    """Return True if the server's model can predict."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


def write_golden(folder: Path, instances: Sequence[dict[str, Any]]) -> None:
    """Write golden requests beside a graph: a server batches only what it has seen to be independent."""
    path = folder / GoldenRequest.EXPORTED
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(GoldenRequest(instance=item, prediction=None).to_line() for item in instances))


def golden_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the instances of the golden requests beside a graph."""
    text = (folder / GoldenRequest.EXPORTED).read_text()
    return [dict(request.instance) for request in GoldenRequest.from_text(text)]


def write_table_model(folder: Path) -> Path:
    """Write a model with census's inputs, five numbers and eight texts, and random weights."""
    import tensorflow as tf

    module = tf.Module()
    width = len(NUMBERS) + 16 * len(TEXTS)
    module.first = tf.Variable(tf.random.stateless_normal((width, 64), seed=(0, 0)) * 0.01)
    module.second = tf.Variable(tf.random.stateless_normal((64, 2), seed=(0, 1)))
    specs = [tf.TensorSpec([None], tf.float32, name=name) for name in NUMBERS]
    specs += [tf.TensorSpec([None], tf.string, name=name) for name in TEXTS]

    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def serve(*inputs: Any) -> dict[str, Any]:
        columns = [value[:, None] for value in inputs[: len(NUMBERS)]]
        columns += [
            tf.one_hot(tf.strings.to_hash_bucket_fast(value, 16), 16) for value in inputs[len(NUMBERS) :]
        ]
        hidden = tf.nn.relu(tf.concat(columns, axis=1) @ module.first)
        probabilities = tf.nn.softmax(hidden @ module.second)
        return {"class_ids": tf.argmax(probabilities, axis=1)[:, None], "probabilities": probabilities}

    tf.saved_model.save(module, str(folder), signatures=serve)
    write_golden(
        folder,
        [
            {name: float(index) for name in NUMBERS} | dict.fromkeys(TEXTS, f"value {index}")
            for index in range(8)
        ],
    )
    return folder


def b64(image: bytes) -> dict[str, Any]:
    """Return the instance for an image."""
    return {"image_bytes": {"b64": base64.b64encode(image).decode()}}


def write_model(folder: Path) -> Path:
    """Write a ResNet-18 that decodes JPEGs in its graph; its random weights do not change the speed."""
    import keras
    import tensorflow as tf

    network = resnet_18(keras)

    def prepare(encoded: Any) -> Any:
        image = tf.image.convert_image_dtype(tf.io.decode_jpeg(encoded, channels=3), tf.float32)
        return tf.image.resize(image, (IMAGE_SIZE, IMAGE_SIZE))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])  # type: ignore[untyped-decorator]
    def serve(image_bytes: Any) -> dict[str, Any]:
        spec = tf.TensorSpec((IMAGE_SIZE, IMAGE_SIZE, 3), tf.float32)
        images = tf.map_fn(prepare, image_bytes, fn_output_signature=spec)
        probabilities = tf.nn.softmax(network(images, training=False))
        return {"classes": tf.argmax(probabilities, axis=1), "probabilities": probabilities}

    tf.saved_model.save(network, str(folder), signatures=serve)
    write_golden(folder, [b64(make_image(seed)) for seed in (1, 2)])
    return folder


def resnet_18(keras: Any) -> Any:
    """Return the network of https://arxiv.org/abs/1512.03385, table 1, for five classes."""
    layers = keras.layers

    def convolution(x: Any, filters: int, size: int, strides: int) -> Any:
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    x = layers.ReLU()(convolution(inputs, 64, 7, 2))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for filters, first_strides in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for strides in (first_strides, 1):
            same = strides == 1 and x.shape[-1] == filters
            shortcut = x if same else convolution(x, filters, 1, strides)
            y = layers.ReLU()(convolution(x, filters, 3, strides))
            x = layers.ReLU()(layers.Add()([convolution(y, filters, 3, 1), shortcut]))
    return keras.Model(inputs, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


def make_image(seed: int = 0) -> bytes:
    """Return a seeded JPEG with the detail of a photograph, 320 x 240 pixels."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(seed)
    image = np.zeros((240, 320, 3))
    for scale in (2, 4, 8, 16, 32):
        coarse = generator.integers(0, 256, (240 // scale + 1, 320 // scale + 1, 3), np.uint8)
        image += np.asarray(Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC)) * scale**0.5
    stream = io.BytesIO()
    Image.fromarray((image / 17.2).clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()
