"""A serving container: answers each instance with itself and the weights it was given."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

weights = Path(
    os.environ["GCS_MOUNT"], os.environ["AIP_STORAGE_URI"].removeprefix("gs://"), "weights"
).read_text()
if weights == "broken":
    raise SystemExit("the weights are broken")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200 if self.path == os.environ["AIP_HEALTH_ROUTE"] else 404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if weights == "slow":
            time.sleep(3)
        if self.path != os.environ["AIP_PREDICT_ROUTE"]:
            self.answer(404, {"error": self.path})
        elif "refuse" in body["instances"]:
            self.answer(400, {"error": "instances[0]: expected anything else"})
        elif "no predictions" in body["instances"]:
            self.answer(200, {"answers": []})
        elif "die" in body["instances"]:
            os._exit(1)
        else:
            self.answer(200, {"predictions": [{"echo": i, "weights": weights} for i in body["instances"]]})

    def answer(self, status: int, document: dict) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


print("serving", weights, flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
