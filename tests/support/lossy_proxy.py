"""Between a client and a service: loses answers, or ends a process's life at one of its writes."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx


class LossyProxy:
    """Passes requests on to a port of this machine, until it is told otherwise."""

    def __init__(self, port: int) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.handle(self)

            do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815, the names are http.server's

            def log_message(self, *arguments: object) -> None:
                pass

        self._target = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(timeout=60)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.mend()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._client.close()

    def mend(self) -> None:
        """Everything goes through again; writes are counted anew."""
        self.writes: list[str] = []
        self._lost = ""
        self._last_write: int | None = None
        self._broken = False

    def lose_answer(self, path_part: str) -> None:
        """The next write whose path has this part is done, but nobody hears of it."""
        self._lost = path_part

    def break_at_write(self, number: int) -> None:
        """The write of this number, from 1, is done, but from then on no request comes through."""
        self._last_write = number

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        write = handler.command != "GET" and not handler.path.partition("?")[0].endswith(
            (":predict", "entries:list")
        )
        if self._broken:
            return self._answer(handler, 501, b'{"error": {"code": 501, "message": "the process is dead"}}')
        answer = self._client.request(
            handler.command,
            self._target + handler.path,
            content=body,
            headers={
                "content-type": handler.headers.get("content-type", "application/json"),
                "authorization": handler.headers.get("authorization", ""),
            },
        )
        if write:
            self.writes.append(f"{handler.command} {handler.path.partition('?')[0]}")
            self._broken = len(self.writes) == self._last_write
            if self._broken or (self._lost and self._lost in handler.path):
                self._lost = ""
                handler.close_connection = True
                return None
        return self._answer(handler, answer.status_code, answer.content)

    def _answer(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
