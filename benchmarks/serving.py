"""Overhead of the prediction server on top of the model: `python benchmarks/serving.py [--model-dir FOLDER]`.

Both sides classify the same JPEG with the same SavedModel, in many short turns, on the same machine:
this process calls the serving signature, and a server process gets it over HTTP as base64. The figures
are ratios of the two, with their spread over the rounds; at a ratio of 1 the server would cost nothing.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

Call = Callable[[], object]
IMAGE_SIZE = 224


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model-dir", type=Path, help="a SavedModel that takes image_bytes; else one is made"
    )
    parser.add_argument("--image", type=Path, help="the JPEG that is sent; else one is made")
    parser.add_argument("--rounds", type=int, default=30, help="rounds of each side (%(default)s)")
    parser.add_argument("--calls", type=int, default=12, help="calls of each round (%(default)s)")
    parser.add_argument("--clients", type=int, default=2, help="threads and connections (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model_dir = options.model_dir or write_model(Path(scratch) / "model")
        image = options.image.read_bytes() if options.image else make_image()
        print(f"{model_dir}, a JPEG of {len(image) / 1000:.0f} kB, {os.cpu_count()} cores", flush=True)
        with serving(model_dir) as (port, ready_seconds):
            print(f"server: ready {ready_seconds:.1f} s after its start", flush=True)
            direct, over_http = direct_calls(model_dir, image), http_calls(port, image)
            check_agreement(direct(), over_http())
            sides: dict[str, Callable[[], Call]] = {
                "direct": lambda: direct,
                "server": lambda: http_calls(port, image),
            }
            report("latency, 1 client", sides, clients=1, rounds=options.rounds, calls=options.calls)
            title = f"throughput, {options.clients} clients"
            report(title, sides, clients=options.clients, rounds=options.rounds, calls=options.calls)


def report(
    title: str, sides: dict[str, Callable[[], Call]], *, clients: int, rounds: int, calls: int
) -> None:
    """Let both sides run in turns, and print what a call took and how the sides compare."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    print(f"\n{title}: {rounds} rounds of {calls} calls", flush=True)
    for number in range(rounds):
        # Forth and back, so that neither side always runs first.
        for name in sorted(sides, reverse=number % 2 == 1):
            rates[name].append(rate(sides[name], clients=clients, calls=calls))
        print(f"\r  round {number + 1} of {rounds}", end="\n" if number + 1 == rounds else "", flush=True)
    for name, values in rates.items():
        median = statistics.median(values)
        print(f"  {name}: median {median:.1f} calls/s, {clients * 1000 / median:.1f} ms a call")
    ratios = [server / direct for server, direct in zip(rates["server"], rates["direct"], strict=True)]
    lower, middle, upper = statistics.quantiles(ratios, n=4)
    print(
        f"  server / direct: {middle:.3f}, the median of the rounds; half of them {lower:.3f} to {upper:.3f}"
    )


def rate(side: Callable[[], Call], *, clients: int, calls: int) -> float:
    """Return the calls per second of several clients that each wait for a response before the next call."""
    ready = [side() for _ in range(clients)]
    for call in ready:
        call()
    share = calls // clients
    with ThreadPoolExecutor(clients) as pool:
        started = time.perf_counter()
        list(pool.map(lambda call: [call() for _ in range(share)], ready))
        return share * clients / (time.perf_counter() - started)


def direct_calls(model_dir: Path, image: bytes) -> Callable[[], dict[str, Any]]:
    """Return a call of the serving signature in this process, from the bytes to plain numbers."""
    import tensorflow as tf

    model = tf.saved_model.load(str(model_dir))
    signature = model.signatures["serving_default"]
    (name,) = signature.structured_input_signature[1]

    def call() -> dict[str, Any]:
        outputs = signature(**{name: tf.constant([image])})
        return {key: tensor.numpy()[0].tolist() for key, tensor in outputs.items()}

    # The signature does not keep the variables alive that it reads.
    call.model = model  # type: ignore[attr-defined]
    call()
    return call


def http_calls(port: int, image: bytes) -> Callable[[], dict[str, Any]]:
    """Return a call of the server over one connection that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    instance = {"image_bytes": {"b64": base64.b64encode(image).decode()}}
    body = json.dumps({"instances": [instance]}).encode()

    def call() -> dict[str, Any]:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        prediction = json.loads(response.read())
        if response.status != 200:
            raise RuntimeError(f"the server responded {response.status}: {prediction}")
        return dict(prediction["predictions"][0])

    return call


def check_agreement(direct: dict[str, Any], server: dict[str, Any]) -> None:
    """Refuse to compare two sides whose predictions differ."""
    difference = max(
        abs(ours - theirs)
        for ours, theirs in zip(direct["probabilities"], server["probabilities"], strict=True)
    )
    if direct["classes"] != server["classes"] or difference > 1e-5:
        raise RuntimeError(f"the sides differ: direct {direct}, server {server}")


@contextmanager
def serving(model_dir: Path) -> Iterator[tuple[int, float]]:
    """Run a server process; yield its port, and the seconds until it was ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    command = [sys.executable, "-m", "serving.main", "--model", str(model_dir), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
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


def make_image() -> bytes:
    """Return a seeded JPEG with the detail of a photograph, 320 x 240 pixels."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    image = np.zeros((240, 320, 3))
    for scale in (2, 4, 8, 16, 32):
        coarse = generator.integers(0, 256, (240 // scale + 1, 320 // scale + 1, 3), np.uint8)
        image += np.asarray(Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC)) * scale**0.5
    stream = io.BytesIO()
    Image.fromarray((image / 17.2).clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


if __name__ == "__main__":
    main()
