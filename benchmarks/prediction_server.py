"""Speed of the prediction server: `python benchmarks/prediction_server.py`; `--help` has the options.

Four comparisons, both sides of each in turns on the same machine:

- a ResNet-18 over HTTP, against calling its serving signature in this process with the same JPEG;
- single rows of a table from four clients, against requests of 32 rows from as many;
- their bound, calls of the graph with four rows and without HTTP and JSON, against the same;
- the latency that one client sees, against a server without batches, or another checkout's server.

The last line is a JSON object with the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from serving_models import b64, golden_rows, make_image, serving, write_model, write_table_model

Call = Callable[[], object]
Side = Callable[[], Call]


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model-dir", type=Path, help="a SavedModel that takes image_bytes; else one is made"
    )
    parser.add_argument("--image", type=Path, help="the JPEG that is sent; else one is made")
    parser.add_argument(
        "--table-model-dir", type=Path, help="an export of a table with its golden requests; else one is made"
    )
    parser.add_argument(
        "--before", type=Path, help="serving/src of another checkout; else this one without batches"
    )
    parser.add_argument("--rounds", type=int, default=30, help="rounds of each side (%(default)s)")
    parser.add_argument("--calls", type=int, default=12, help="calls of each round of images (%(default)s)")
    parser.add_argument("--clients", type=int, default=2, help="clients of the image model (%(default)s)")
    options = parser.parse_args()
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        table = options.table_model_dir or write_table_model(Path(scratch) / "table")
        ratios |= table_ratios(table, before=options.before, rounds=options.rounds)
        model = options.model_dir or write_model(Path(scratch) / "model")
        image = options.image.read_bytes() if options.image else make_image()
        ratios |= image_ratios(
            model, image, rounds=options.rounds, calls=options.calls, clients=options.clients
        )
    print(json.dumps(ratios))


def table_ratios(model: Path, *, before: Path | None, rounds: int) -> dict[str, float]:
    """Compare requests of one row with requests of 32, and one client's latency with the other server's."""
    rows = golden_rows(model)
    other = "before" if before else "without_batches"
    flags = () if before else ("--max-batch-size", "1")
    with serving(model) as (port, _), serving(model, *flags, sources=before) as (other_port, _):

        def client(port: int, count: int) -> Side:
            instances = (rows * (count // len(rows) + 1))[:count]
            return lambda: http_calls(port, instances)

        names = {"single_rows": (port, 1), "rows_of_32": (port, 32), f"single_rows_{other}": (other_port, 1)}
        sides = {name: client(*where) for name, where in names.items()}
        rates = turns("rows of a table, 4 clients", sides, clients=4, rounds=rounds, calls=160)
        per_row = {name: [rate * names[name][1] for rate in values] for name, values in rates.items()}
        for name, values in per_row.items():
            print(f"  {name}: {statistics.median(values):.0f} rows/s")
        single, many = per_row["single_rows"], per_row["rows_of_32"]
        bound = graph_rates(model, rows[:4], rounds=rounds)
        latencies: dict[str, list[float]] = {"now": [], other: []}
        for number in range(rounds):
            for name, where in sorted({"now": port, other: other_port}.items(), reverse=number % 2 == 1):
                latencies[name].append(median_latency(http_calls(where, rows[:1]), calls=60))
        for name, values in latencies.items():
            print(f"  p50 of one client, {name}: {statistics.median(values) * 1000:.2f} ms")
    return {
        "single_rows_over_rows_of_32": ratio(single, many),
        "graph_of_4_rows_over_rows_of_32": ratio(bound, many),
        f"single_rows_over_{other}": ratio(single, per_row[f"single_rows_{other}"]),
        f"p50_over_{other}": ratio(latencies["now"], latencies[other]),
    }


def graph_rates(model: Path, rows: list[Any], *, rounds: int) -> list[float]:
    """Return the rows per second of calls of the graph in this process, the better of one thread and two."""
    from serving.model import Model
    from serving.requests import PredictRequest

    loaded = Model(model)
    batch = [loaded.prepare(PredictRequest(instances=[row])) for row in rows]

    def call() -> object:
        return loaded.run(batch)

    rates = [max(rate(lambda: call, clients=threads, calls=160) for threads in (1, 2)) for _ in range(rounds)]
    print(f"  graph alone, {len(rows)} rows a call: {statistics.median(rates) * len(rows):.0f} rows/s")
    return [value * len(rows) for value in rates]


def image_ratios(model: Path, image: bytes, *, rounds: int, calls: int, clients: int) -> dict[str, float]:
    """Compare the server with calls of the signature in this process."""
    with serving(model) as (port, ready_seconds):
        print(f"{model}, a JPEG of {len(image) / 1000:.0f} kB, {os.cpu_count()} cores", flush=True)
        print(f"server: ready {ready_seconds:.1f} s after its start", flush=True)
        direct, over_http = direct_calls(model, image), http_calls(port, [b64(image)])
        check_agreement(direct(), json.loads(over_http())["predictions"][0])
        sides: dict[str, Side] = {"direct": lambda: direct, "server": lambda: http_calls(port, [b64(image)])}
        alone = turns("images, 1 client", sides, clients=1, rounds=rounds, calls=calls)
        together = turns(f"images, {clients} clients", sides, clients=clients, rounds=rounds, calls=calls)
    return {
        "images_over_direct_1_client": ratio(alone["server"], alone["direct"]),
        f"images_over_direct_{clients}_clients": ratio(together["server"], together["direct"]),
    }


def turns(
    title: str, sides: dict[str, Side], *, clients: int, rounds: int, calls: int
) -> dict[str, list[float]]:
    """Let all sides run in turns; return the calls per second of each round."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        # Forth and back, so that neither side always runs first.
        for name in sorted(sides, reverse=number % 2 == 1):
            rates[name].append(rate(sides[name], clients=clients, calls=calls))
    print(f"\n{title}: {rounds} rounds of {calls} calls", flush=True)
    for name, values in rates.items():
        median = statistics.median(values)
        print(f"  {name}: median {median:.1f} calls/s, {clients * 1000 / median:.1f} ms a call", flush=True)
    return rates


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median ratio of the rounds; print it with its spread."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    lower, middle, upper = statistics.quantiles(ratios, n=4)
    print(f"  ratio {middle:.3f}, the median of the rounds; half of them {lower:.3f} to {upper:.3f}")
    return round(middle, 3)


def median_latency(call: Call, *, calls: int) -> float:
    """Return the median seconds of calls one after another."""
    call()
    seconds = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


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


def http_calls(port: int, instances: list[Any]) -> Callable[[], bytes]:
    """Return a call of the server over one connection that stays open.

    A client of few lines: `http.client` takes as long as the server's part of a small request, on its cores.
    """
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = json.dumps({"instances": instances}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    def call() -> bytes:
        connection.sendall(head + body)
        received = connection.recv(65536)
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        headers, _, content = received.partition(b"\r\n\r\n")
        if not headers.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server responded {received!r}")
        length = int(headers.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        while len(content) < length:
            content += connection.recv(65536)
        return content

    return call


def check_agreement(direct: dict[str, Any], server: dict[str, Any]) -> None:
    """Refuse to compare two sides whose predictions differ."""
    difference = max(
        abs(ours - theirs)
        for ours, theirs in zip(direct["probabilities"], server["probabilities"], strict=True)
    )
    if direct["classes"] != server["classes"] or difference > 1e-5:
        raise RuntimeError(f"the sides differ: direct {direct}, server {server}")


if __name__ == "__main__":
    main()
