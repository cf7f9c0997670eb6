from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "deploy" / "containers" / "healthy.py"
STATES = {"scheduler": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}, "dag_processor": None}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()
        self.wfile.write(json.dumps(STATES).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def check(*arguments: str) -> int:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], check=False, capture_output=True
    ).returncode


@pytest.mark.parametrize(
    ("path", "part", "status"),
    [
        ("/health", [], 0),
        ("/health", ["scheduler"], 0),
        ("/health", ["triggerer"], 1),
        ("/health", ["dag_processor"], 1),
        ("/health", ["unknown"], 1),
        ("/loading", [], 1),
    ],
)
def test_healthy_tells_by_its_exit_status(url: str, path: str, part: list[str], status: int) -> None:
    assert check(url + path, *part) == status


def test_healthy_where_nobody_listens_is_unhealthy() -> None:
    assert check("http://127.0.0.1:1/health") == 1
