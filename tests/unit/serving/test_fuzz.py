"""Seeded fuzzed requests to a server process: no 500, no hang, flat memory.

`SERVING_FUZZ_REQUESTS` is their number, `SERVING_FUZZ_SEED` their seed.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image
from tests.unit.serving.test_server import Server

REQUESTS = int(os.environ.get("SERVING_FUZZ_REQUESTS", "3000"))
SEED = int(os.environ.get("SERVING_FUZZ_SEED", "1"))
EXPECTED = {200, 400, 404, 405, 413, 429}
ODD: list[Any] = [
    None, True, -1, 0, 1e308, -1e-308, 2**31, 2**63, 2**200, "", "é\ud800", "NaN", "\x00", [], {}, [[]],
    {"b64": ""}, {"b64": "?"}, {"b64": None}, {"b64": "AAAA"}, [1, [2]], [None], {"": 1}, float("nan"),
    float("inf"), "x" * 5000, [0] * 5000,
]  # fmt: skip


def picture(chooser: random.Random) -> dict[str, str]:
    stream = io.BytesIO()
    size = chooser.choice([(1, 1), (8, 8), (300, 200), (3, 4000)])
    Image.new(chooser.choice(["RGB", "L"]), size).save(stream, chooser.choice(["JPEG", "PNG", "GIF", "BMP"]))
    data = bytearray(stream.getvalue())
    for _ in range(chooser.choice([0, 0, 1, 3, 20])):
        data[chooser.randrange(len(data))] = chooser.randrange(256)
    cut = chooser.choice([len(data), len(data), chooser.randrange(len(data))])
    return {"b64": base64.b64encode(bytes(data[:cut])).decode()}


def instance(chooser: random.Random, images: bool) -> Any:
    if images:
        value: Any = {"image_bytes": picture(chooser)}
    else:
        value = {"position": [chooser.random(), 1e30], "passengers": chooser.choice([0, 1, 7])}
    if chooser.random() < 0.3:
        value[chooser.choice([*value, "other"])] = chooser.choice(ODD)
    if chooser.random() < 0.1:
        del value[next(iter(value))]
    return chooser.choice(ODD) if chooser.random() < 0.1 else value


def body(chooser: random.Random, images: bool) -> bytes:
    rows = [instance(chooser, images) for _ in range(chooser.choice([1, 1, 2, 5, 40]))]
    document: Any = {"instances": rows}
    if chooser.random() < 0.25:
        names = ["image_bytes"] if images else ["position", "passengers"]
        columns = {name: [row.get(name) if isinstance(row, dict) else row for row in rows] for name in names}
        document = {"inputs": chooser.choice([columns, rows, chooser.choice(ODD)])}
    if chooser.random() < 0.15:
        member = chooser.choice(["signature_name", "parameters", "instances", "inputs", "x"])
        document[member] = chooser.choice([*ODD, "serving_default"])
    if chooser.random() < 0.05:
        document = chooser.choice(ODD)
    content = bytearray(json.dumps(document).encode())
    damage = chooser.random()
    if damage < 0.05:
        return b'{"instances": ' + b"[" * chooser.choice([10, 500, 200_000])
    if damage < 0.2:
        for _ in range(chooser.choice([1, 5])):
            content[chooser.randrange(len(content))] = chooser.randrange(256)
    if damage > 0.97:
        del content[chooser.randrange(len(content)) :]
    return bytes(content)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("images", [False, True], ids=["numbers", "images"])
def test_fuzzed_requests_are_answered_and_cost_no_memory(
    images: bool, image_model: Path, number_model: Path
) -> None:
    chooser = random.Random(SEED)
    count = REQUESTS // 2
    server = Server(image_model if images else number_model, SERVING_MAX_REQUEST_BYTES="300000")
    try:
        server.wait_for(200)
        assert server.process.stdout
        # A pipe that nobody reads would be full after a few hundred lines of the log.
        threading.Thread(target=server.process.stdout.read, daemon=True).start()
        process = psutil.Process(server.process.pid)
        tally: Counter[int] = Counter()
        resident: list[int] = []
        with httpx.Client(base_url=server.url, timeout=20) as client:
            for number in range(count):
                method = "POST" if chooser.random() < 0.98 else chooser.choice(["GET", "PUT", "DELETE"])
                path = "/predict" if chooser.random() < 0.98 else chooser.choice(["/", "/predict/", "/%00"])
                response = client.request(method, path, content=body(chooser, images))
                assert response.status_code in EXPECTED, (number, response.status_code, response.text[:500])
                assert "error" in response.json() if response.status_code != 200 else True
                tally[response.status_code] += 1
                if number in (count // 5, count - 1):
                    resident.append(process.memory_info().rss)
            assert client.get("/health").status_code == 200
        before, after = (size / 2**20 for size in resident)
        print(f"\n{count} requests, seed {SEED}: {dict(tally)}; RSS {before:.0f} MiB -> {after:.0f} MiB")
        assert after - before < 40
        assert tally[200] > count / 20
    finally:
        server.process.kill()
        server.process.wait()
