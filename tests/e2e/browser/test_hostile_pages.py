"""Pages of another site, opened in Chromium beside the running stack: none changes or reads anything."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from local.programs import TENSORBOARD
from local.report import Report
from local.stack import Stack
from stack_api import StackApi

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ATTACKER = "attacker.example"
START_SECONDS = 120
NO_TASK = {401, 403, 404, 405, 422}
"""Answers of the API of tasks, which asks everybody for the token of a task."""


# A form can post JSON: the value closes the object that its name opened.
PAGE = """<!doctype html><body><script>
const addresses = ADDRESSES, sent = [];
const add = (tag, attributes) =>
  document.body.appendChild(Object.assign(document.createElement(tag), attributes));
for (const [index, address] of addresses.entries()) {
  add("img", {src: address}); add("iframe", {src: address}); add("script", {src: address});
  add("iframe", {name: "sink" + index});
  const form = add("form", {method: "post", enctype: "text/plain", action: address, target: "sink" + index});
  form.innerHTML = `<input name='{"target": "storage.buckets.list", "http_status": 503, "count": 1'>`;
  form.querySelector("input").value = "}";
  form.submit();
  const body = '{"target": "storage.buckets.list", "http_status": 503}';
  const post = {method: "POST", body};
  for (const options of [{mode: "no-cors"}, {}, {...post, mode: "no-cors"}, post])
    sent.push(fetch(address, {credentials: "include", ...options}).then(answer => answer.text(), () => ""));
  navigator.sendBeacon(address, body);
}
Promise.all(sent).then(texts => { window.texts = texts; });
</script>"""


@pytest.fixture(scope="module")
def board(stack: Stack, first_run: Report) -> Stack:
    """The stack with TensorBoard, which the other tests do without."""
    stack.supervisor.start_program(TENSORBOARD)
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(stack.ports.tensorboard_url, timeout=5)
        except httpx.TransportError:
            assert time.monotonic() < until, "TensorBoard does not start"
            time.sleep(0.5)
        else:
            return stack


@pytest.fixture
def hostile(board: Stack, page: Page) -> Page:
    """A page of a user of Airflow, whose browser has its cookie."""
    page.goto(board.ports.airflow_url)
    page.wait_for_load_state("networkidle")
    return page


def addresses(stack: Stack) -> dict[int, list[str]]:
    """What is worth asking for, by port."""
    ports, project = stack.ports, "v1/projects/perennial-local/locations/us-central1"
    paths = {
        ports.emulator: [
            "_emulator/faults", f"{project}/customJobs", f"{project}/models", "v2/entries:list", "token",
            "storage/v1/b?project=p", "perennial-local/datasets/flowers/history.json", "health",
        ],
        ports.airflow: [
            "auth/token", "api/v2/dags/flowers_training/dagRuns", "retraining/models", "auth/login/",
        ],
        ports.execution: ["execution/variables/x", "execution/connections/google_cloud_default"],
        ports.tensorboard: ["data/logdir", "data/environment", "data/plugin/scalars/tags"],
    }  # fmt: skip
    return {
        port: [f"http://{host}:{port}/{path}" for path in found for host in ("localhost", "127.0.0.1")]
        for port, found in paths.items()
    }


def serve(content: str) -> ThreadingHTTPServer:
    """Serve a page on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def state(api: StackApi) -> dict[str, Any]:
    """What an attack would change."""
    return {
        "faults": api.google("_emulator/faults").json(),
        "jobs": len(api.vertex("customJobs").get("customJobs", [])),
        "runs": len(api.runs("flowers_training")),
        "objects": sorted(file.name for file in (api.stack.paths.buckets).rglob("*")),
    }


def test_page_of_another_site_changes_nothing_and_reads_nothing(
    hostile: Page, board: Stack, api: StackApi
) -> None:
    before = state(api)
    wanted = addresses(board)
    statuses: dict[int, list[tuple[int, str]]] = defaultdict(list)

    def note(response: Any) -> None:
        port = int(response.url.split("/")[2].rpartition(":")[2])
        statuses[port].append((response.status, f"{response.request.method} {response.url}"))

    server = serve(PAGE.replace("ADDRESSES", json.dumps([url for urls in wanted.values() for url in urls])))
    hostile.on("response", note)
    try:
        hostile.goto(f"http://{ATTACKER}:{server.server_port}/")
        hostile.wait_for_function("window.texts !== undefined")
        hostile.wait_for_load_state("networkidle")
        texts = hostile.evaluate("window.texts")
    finally:
        hostile.remove_listener("response", note)
        server.shutdown()
        server.server_close()

    assert texts
    assert not any(texts), "the page read an answer"
    for port, urls in wanted.items():
        seen = statuses[port]
        assert len(seen) >= len(urls), f"the attack did not reach port {port}"
        refusals = NO_TASK if port == board.ports.execution else {403}
        assert [found for found in seen if found[0] not in refusals] == []
    assert state(api) == before


def test_page_under_a_rebound_name_is_answered_with_nothing(hostile: Page, board: Stack) -> None:
    # Opened under the attacker's name, the server's own port would be the page's own origin.
    for port, urls in addresses(board).items():
        for url in urls[::2]:
            answer = hostile.goto(url.replace("localhost", ATTACKER))
            assert answer is not None
            assert answer.status in (NO_TASK if port == board.ports.execution else {403}), url


def test_link_from_another_site_opens_airflow(hostile: Page, board: Stack) -> None:
    server = serve(f'<a href="{board.ports.airflow_url}/dags">Airflow</a>')
    try:
        hostile.goto(f"http://{ATTACKER}:{server.server_port}/")
        with hostile.expect_navigation() as followed:
            hostile.click("a")
        assert followed.value.ok
    finally:
        server.shutdown()
        server.server_close()
