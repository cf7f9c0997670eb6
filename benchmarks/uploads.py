"""Files of a folder to objects, against a loop of Google's client, on the emulator and over a distance.

    python benchmarks/uploads.py
    python benchmarks/uploads.py --files 100000 --rounds 1
    python benchmarks/uploads.py --listed 1000000

The loop is `blob.upload_from_filename`, one file after another. The distance is a relay that holds back every
answer, as a region some way off would. Both sides are processes of their own, which write to folders of their
own; the best of the rounds counts. Client and emulator share the cores.

With `--listed`, the snapshot of a bucket with so many objects is made instead, and that of a tenth of them:
objects per second, the client's memory, and its requests. The objects are files that the emulator finds.
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
    from retraining.google.storage import in_parallel
    from retraining.source import describe_file

    storage = _storage()

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


def snapshot(_folder: Path, bucket: str, files: int) -> Callable[[], None]:
    """Return what the chain does with objects of the user: list them, and hash names, sizes and checksums."""
    import contract as dc
    from retraining.source import Objects, snapshot_id

    storage = _storage()
    pictures = dc.DataContract(name="many", record_format="image", features=dc.image_features(("a", "b")))

    def run() -> None:
        found = Objects(f"gs://{bucket}/{files}/", storage, pictures)
        if len(found.names) != files:
            raise RuntimeError(f"expected {files} objects, received {len(found.names)}")
        print(snapshot_id(found.describe(set(found.names))), file=sys.stderr)

    return run


def _storage():  # type: ignore[no-untyped-def]
    import google.auth

    from retraining.google import storage_client
    from retraining.google.storage import Storage

    storage = Storage.__new__(Storage)
    storage._client = storage_client(PROJECT, google.auth.default()[0])
    return storage


def _client():  # type: ignore[no-untyped-def]
    import google.auth
    from google.cloud import storage

    return storage.Client(project=PROJECT, credentials=google.auth.default()[0])


UPLOADS = {"loop": client_loop, "perennial": perennial}
SIDES = {**UPLOADS, "snapshot": snapshot}


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
    parser.add_argument("--listed", type=int, metavar="OBJECTS", help="list so many, and upload nothing")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.side:
        report(SIDES[flags.side](flags.folder, BUCKET, flags.files), items=flags.files)
        return
    root = Path(tempfile.mkdtemp(prefix="uploads-"))
    if flags.listed:
        try:
            _list(root, flags.listed)
        finally:
            shutil.rmtree(root)
        return
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
                    for side in UPLOADS:
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


def _list(root: Path, objects: int) -> None:
    """Measure snapshots, and print how they grow."""
    sides = {}
    with running_emulator(root):
        for count in (objects // 10, objects):
            for number in range(count):
                file = root / "buckets" / BUCKET / str(count) / f"{number // 1_000:06}" / f"{number:09}.jpg"
                if number % 1_000 == 0:
                    file.parent.mkdir(parents=True)
                file.write_bytes(number.to_bytes(8, "big"))
            of_side = ["--side", "snapshot", "--folder", str(root), "--files", str(count)]
            # The first listing also computes the checksums, which Cloud Storage has.
            for _ in range(2):
                before = _requests(root)
                figures = measure(__file__, of_side)
            requests = _requests(root) - before
            print(f"{count:9,} objects: {figures.per_second:8,.0f} objects/s{figures.peak_mb:7,.0f} MB"
                  f"{requests:7,} requests", flush=True)  # fmt: skip
            sides[count] = figures, requests
    (few, _), (many, requests) = sides.values()
    print(
        json.dumps(
            {
                "memory_growth": round(many.peak_mb / few.peak_mb, 2),
                "bytes_per_object": round((many.peak_mb - few.peak_mb) * (1 << 20) / (objects * 0.9)),
                "objects_per_request": round(objects / requests),
            }
        )
    )


def _requests(root: Path) -> int:
    return len((root / "audit.jsonl").read_bytes().splitlines())


if __name__ == "__main__":
    main()
