"""Files of a folder to objects, against a loop of Google's client, on the emulator and over a distance.

    python benchmarks/uploads.py
    python benchmarks/uploads.py --files 100000 --rounds 1

The loop is `blob.upload_from_filename`, one file after another. The distance is a relay that holds back every
answer, as a region some way off would. Both sides are processes of their own, which write to folders of their
own; the best of the rounds counts. Client and emulator share the cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from own_process import Figures, faster, measure, report

BUCKET = "uploads-benchmark"
PROJECT = "perennial-benchmark"
SEED = 7
FILE_BYTES = (1_000, 4_000)
LOOP_FILES = {"near": 1_000, "far": 200}
"""The loop takes a part of the files, since files per second are compared."""
START_SECONDS = 60


def client_loop(folder: Path, bucket: str, files: int) -> Callable[[], None]:
    """Return the obvious loop."""
    client = _client()

    def run() -> None:
        target = client.bucket(bucket)
        for path in sorted(folder.iterdir())[:files]:
            target.blob(f"{uuid.uuid4().hex}/{path.name}").upload_from_filename(str(path))

    return run


def perennial(folder: Path, bucket: str, files: int) -> Callable[[], None]:
    """Return the upload of the chain: checksums, many threads, and a listing that compares all."""
    from requests.adapters import HTTPAdapter

    from retraining.google import STORAGE_CONNECTIONS
    from retraining.google.storage import Storage, in_parallel
    from retraining.source import describe_file

    client = _client()
    client._http.mount("http://", HTTPAdapter(pool_maxsize=STORAGE_CONNECTIONS))
    storage = Storage.__new__(Storage)
    storage._client = client

    def run() -> None:
        target = f"gs://{bucket}/{uuid.uuid4().hex}/"
        items = [describe_file(path, path.name) for path in sorted(folder.iterdir())[:files]]
        in_parallel(
            lambda item: storage.upload(str(folder / item.name), target + item.name, crc32c=item.crc32c),
            items,
            item_bytes=FILE_BYTES[1],
        )
        if sorted(storage.objects(target)) != sorted(items):
            raise RuntimeError(f"{target}: expected the files, received others")

    return run


def _client():  # type: ignore[no-untyped-def]
    import google.auth
    from google.cloud import storage

    return storage.Client(project=PROJECT, credentials=google.auth.default()[0])


SIDES = {"loop": client_loop, "perennial": perennial}


@contextmanager
def running_emulator(root: Path) -> Iterator[int]:
    """Run an emulator with an empty bucket, and yield its port."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "emulator", f"--root={root}", f"--port={port}", f"--project={PROJECT}"]
    process = subprocess.Popen(command)
    try:
        until = time.monotonic() + START_SECONDS
        while not _is_healthy(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{' '.join(command)}: expected it to start")
            time.sleep(0.2)
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(root / "keys" / "owner.json")
        os.environ["STORAGE_EMULATOR_HOST"] = f"http://localhost:{port}"
        _client().create_bucket(BUCKET)
        yield port
    finally:
        process.terminate()
        process.wait()


def _is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://localhost:{port}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


@contextmanager
def relay(port: int, *, seconds: float) -> Iterator[int]:
    """Relay connections to a port, each answer later by some seconds; yields the port to connect to."""

    async def late(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await source.read(1 << 16):
            loop.call_later(seconds, target.write, data)
        loop.call_later(seconds, target.close)

    async def direct(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            target.write(data)
        target.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection("localhost", port)
        await asyncio.gather(direct(reader, requests), late(answers, writer))

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(connect, "localhost", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def main() -> None:
    """Measure both sides near and far, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--milliseconds", type=float, default=50, help="distance (%(default)s)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.side:
        report(SIDES[flags.side](flags.folder, BUCKET, flags.files), items=flags.files)
        return
    root = Path(tempfile.mkdtemp(prefix="uploads-"))
    best: dict[tuple[str, str], Figures] = {}
    try:
        folder = root / "files"
        folder.mkdir()
        draw = random.Random(SEED)
        for number in range(flags.files):
            (folder / f"{number:07}.bin").write_bytes(draw.randbytes(draw.randint(*FILE_BYTES)))
        with (
            running_emulator(root / "emulator") as port,
            relay(port, seconds=flags.milliseconds / 1000) as far,
        ):
            for number in range(flags.rounds):
                for place, of_place in (("near", port), ("far", far)):
                    os.environ["STORAGE_EMULATOR_HOST"] = f"http://localhost:{of_place}"
                    for side in SIDES:
                        files = min(flags.files, LOOP_FILES[place]) if side == "loop" else flags.files
                        of_side = ["--side", side, "--folder", str(folder), "--files", str(files)]
                        figures = measure(__file__, of_side)
                        print(f"round {number + 1}: {place:5}{side:10}{figures.per_second:8,.0f} files/s"
                              f"{figures.peak_mb:7,.0f} MB", flush=True)  # fmt: skip
                        best[place, side] = faster(best.get((place, side)), figures)
    finally:
        shutil.rmtree(root)
    ratios = {
        place: best[place, "perennial"].per_second / best[place, "loop"].per_second
        for place in ("near", "far")
    }
    for place, ratio in ratios.items():
        print(f"{place}: the loop times {ratio:.2f}")
    print(json.dumps({f"{place}_to_loop": round(ratio, 2) for place, ratio in ratios.items()}))


if __name__ == "__main__":
    main()
