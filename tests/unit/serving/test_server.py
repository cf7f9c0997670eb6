"""The server as Vertex AI runs it: a process that is told everything by its environment."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.server import JoinedWrites

Start = Callable[..., "Server"]


class Server:
    def __init__(self, model: Path, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving.main"],
            env={**os.environ, "AIP_STORAGE_URI": str(model), "AIP_HTTP_PORT": str(port), **environment},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def health(self) -> int | None:
        try:
            return httpx.get(f"{self.url}/health").status_code
        except httpx.TransportError:
            return None

    def wait_for(self, status: int) -> list[int | None]:
        seen = [self.health()]
        while seen[-1] != status:
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.05)
            seen.append(self.health())
        return seen

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=60)
        return self.process.returncode, output


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[Server] = []

    def run(model: Path, **environment: str) -> Server:
        servers.append(Server(model, **environment))
        return servers[-1]

    yield run
    for server in servers:
        server.process.kill()
        server.process.communicate()


def test_process_listens_while_it_loads_and_answers_what_is_under_way_after_sigterm(
    start: Start, number_model: Path
) -> None:
    server = start(number_model)
    assert 503 in server.wait_for(200)
    body = json.dumps({"instances": [{"position": [1, 2], "passengers": 3}]}).encode()
    half_sent, finish = threading.Event(), threading.Event()

    def chunks() -> Iterator[bytes]:
        yield body[:10]
        half_sent.set()
        finish.wait()
        yield body[10:]

    answers: list[httpx.Response] = []
    client = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{server.url}/predict", content=chunks(), timeout=60))
    )
    client.start()
    half_sent.wait()
    server.process.send_signal(signal.SIGTERM)
    while server.health() is not None:
        time.sleep(0.05)
    finish.set()
    client.join()
    output, _ = server.process.communicate(timeout=60)
    assert server.process.returncode == 0, output
    assert answers[0].json() == {"predictions": [1.0]}
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    logged = next(line for line in lines if line.get("path") == "/predict")
    assert logged["request_id"] == answers[0].headers["x-request-id"]


def test_process_that_is_still_loading_ends_with_0_on_sigterm(start: Start, number_model: Path) -> None:
    server = start(number_model)
    server.wait_for(503)
    status, output = server.end()
    assert status == 0, output


def test_process_without_a_model_ends_with_1_and_says_why(start: Start, tmp_path: Path) -> None:
    server = start(tmp_path)
    output, _ = server.process.communicate(timeout=60)
    assert server.process.returncode == 1
    assert "model: expected a folder with saved_model.pb, received" in output


class Transport:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def close(self) -> None:
        self.calls.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.calls


@pytest.mark.parametrize(
    ("pieces", "closed", "expected"),
    [
        ([b"head", b"body"], False, [b"headbody"]),
        ([b"head"], False, [b"head"]),
        ([b"head", b"body"], True, [b"headbody", "closed"]),
        ([], True, ["closed"]),
    ],
)
def test_what_is_written_in_one_turn_is_one_write(
    pieces: list[bytes], closed: bool, expected: list[Any]
) -> None:
    transport = Transport()

    async def turn() -> None:
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        for piece in pieces:
            joined.write(piece)
        assert transport.calls == []
        if closed:
            joined.close()
        await asyncio.sleep(0)
        assert joined.is_closing() is closed

    asyncio.run(turn())
    assert transport.calls == expected


def test_later_turns_are_writes_of_their_own() -> None:
    transport = Transport()

    async def turns() -> None:
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        for piece in (b"one", b"two"):
            joined.write(piece)
            await asyncio.sleep(0)

    asyncio.run(turns())
    assert transport.calls == [b"one", b"two"]
