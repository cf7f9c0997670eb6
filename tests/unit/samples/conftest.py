"""A registry on this machine, and archives as registries have them."""

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import samples.archive


@dataclass
class Registry:
    """Serves files over HTTP.

    Attributes:
        url: where.
        files: path -> content.
        broken: how many of the next answers break off half-way.
        busy: how many of the next answers are 503.
        encoding: Content-Encoding of the answers.
        requests: the paths asked for.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    broken: int = 0
    busy: int = 0
    encoding: str = "identity"
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def registry() -> Iterator[Registry]:
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            content = state.files.get(self.path)
            if state.busy > 0:
                state.busy -= 1
                self.send_error(503)
            elif content is None:
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                page = self.path.endswith("/")
                self.send_header("Content-Type", "text/html" if page else "application/octet-stream")
                self.send_header("Content-Encoding", state.encoding)
                self.end_headers()
                if state.broken > 0:
                    state.broken -= 1
                    content = content[: len(content) // 2]
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy_and_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(samples.archive, "_LONGEST_PAUSE_SECONDS", 0.01)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def members() -> dict[str, bytes]:
    return {"package/one": b"first\n", "package/two": b"second\n", "package/other": b"never read\n"}


@pytest.fixture
def tarball(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def wheel(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()
