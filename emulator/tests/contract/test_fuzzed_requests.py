"""No mistake of a client is a defect of the emulator: seeded requests to every route of every service.

`FUZZED_REQUESTS=10000` sends more, `FUZZ_SEED` other ones; with `-s` the figures are printed.
"""

from __future__ import annotations

import http.client
import os
import time
from collections import Counter

import psutil
import pytest

from emulator.config import Config
from emulator.server import create_services
from emulator.state import State
from request_fuzzer import FuzzedRequest, fuzzed_requests

NUMBER = int(os.environ.get("FUZZED_REQUESTS", "1500"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
LONGEST_SECONDS = 10
WARM_UP = 500
MOST_GROWTH = 150 << 20


async def admit(_request, _match):
    """Let everything through; only the route table is looked at."""


@pytest.fixture(scope="module")
def routes(tmp_path_factory):
    config = Config(tmp_path_factory.mktemp("routes"), 0)
    state = State(config.state)
    services = create_services(config, state, admit)
    yield [route for service in services.values() for route in service.routes]
    for service in services.values():
        service.stop()
    state.close()


def send(port: int, token: str, request: FuzzedRequest) -> int:
    connection = http.client.HTTPConnection("localhost", port, timeout=LONGEST_SECONDS)
    headers = {"Authorization": f"Bearer {token}", **request.headers}
    try:
        connection.request(request.method, request.target, request.body or None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@pytest.mark.slow
def test_fuzzed_requests_are_answered_without_a_500(emulator_factory, routes):
    own = emulator_factory()
    token = own.token()
    (own.root / "buckets" / "fuzz-bucket").mkdir()
    (own.root / "buckets" / "fuzz-bucket" / "a").write_text("content")
    beside = {path.name for path in own.root.parent.iterdir()}
    process = psutil.Process(own.pid)
    statuses: Counter[int] = Counter()
    defects, slowest, before = [], (0.0, None), 0
    for number, request in enumerate(fuzzed_requests(routes, seed=SEED, number=NUMBER)):
        begun = time.monotonic()
        try:
            status = send(own.port, token, request)
        except (OSError, http.client.HTTPException) as error:
            defects.append((repr(error), request))
            continue
        slowest = max(slowest, (time.monotonic() - begun, f"{request.method} {request.target[:120]}"))
        statuses[status] += 1
        if status == 500 or status > 503:
            defects.append((status, request))
        if number == min(WARM_UP, NUMBER // 2):
            before = process.memory_info().rss
    after = process.memory_info().rss
    print(f"\n{dict(sorted(statuses.items()))}, slowest {slowest}, RSS {before >> 20} -> {after >> 20} MiB")
    assert [(what, r.method, r.target[:200], r.headers, r.body[:300]) for what, r in defects[:20]] == []
    assert "Traceback" not in own.log
    assert {path.name for path in own.root.parent.iterdir()} == beside
    assert after - before < MOST_GROWTH
