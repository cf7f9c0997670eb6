"""The serving container's contract without a model: answers as the golden requests of `chain_trainer` say.

An export can ask for another behaviour: to answer `wrongly`, with an `error`, or not to `start`.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

folder = Path(os.environ["GCS_MOUNT"], os.environ["AIP_STORAGE_URI"].removeprefix("gs://"))
served = json.loads((folder / "saved_model.pb").read_text())["served"]
if served == "start":
    raise SystemExit("the export can not be loaded")
probabilities = [0.75, 0.25] if served == "wrongly" else [0.25, 0.75]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200 if self.path == os.environ["AIP_HEALTH_ROUTE"] else 404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if served == "error":
            self.answer(400, {"error": "image_bytes: expected a JPEG"})
        else:
            prediction = {"classes": 1, "probabilities": probabilities}
            self.answer(200, {"predictions": [prediction for _ in body["instances"]]})

    def answer(self, status: int, document: dict) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
