import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.testclient import TestClient

from emulator.dispatch import Dispatcher, RequestGuard, error_response
from emulator.errors import NotFound, NotModified, Unauthenticated
from emulator.faults import Fault, Faults
from emulator.routing import Route, Router
from emulator.state import State


async def show(_request, fields):
    if fields["name"] == "missing":
        raise NotFound("No such thing.")
    return JSONResponse(fields)


async def admit(_request, _match):
    """Admit everybody."""


@pytest.fixture
def faults(tmp_path) -> Iterator[Faults]:
    state = State(tmp_path / "state.sqlite")
    yield Faults(state)
    state.close()


@pytest.fixture
def client(faults) -> TestClient:
    routes = [
        Route("s", "things.get", "GET", "/v1/{name}", show),
        Route("s", "things.put", "PUT", "/v1/{name}", None),
    ]
    return TestClient(Starlette(routes=[Mount("/", app=Dispatcher(Router(routes), faults, admit))]))


def test_answer_by_handler(client):
    assert client.get("/v1/a%2Fb").json() == {"name": "a/b"}
    assert client.get("/v1/missing").status_code == 404


def test_answer_without_handler_names_the_method(client):
    answer = client.put("/v1/x")
    assert (answer.status_code, answer.json()["error"]["message"]) == (501, "things.put is not emulated.")


def test_answer_of_unknown_path_is_501(client):
    assert client.get("/v2/x").status_code == 501


def test_answer_after_a_fault(client, faults):
    faults.set(Fault(target="things.get", http_status=503))
    assert [client.get("/v1/x").status_code for _ in range(2)] == [503, 200]


def test_answer_of_a_request_that_is_not_admitted_is_the_refusal(faults):
    async def refuse(_request, _match):
        raise Unauthenticated("Who are you?")

    faults.set(Fault(target="things.get", http_status=503))
    dispatcher = Dispatcher(Router([Route("s", "things.get", "GET", "/v1/{name}", show)]), faults, refuse)
    answer = TestClient(Starlette(routes=[Mount("/", app=dispatcher)])).get("/v1/x")
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert faults.all(), "a refused request takes no fault"


class Recorder:
    """An application behind the guard, and what it was asked."""

    def __init__(self):
        self.requests = []

    async def __call__(self, scope, receive, send):
        self.requests.append(scope["path"])
        await JSONResponse({})(scope, receive, send)


def guarded(headers, *, method="GET", **arguments):
    """The status and message that a request gets, and whether it came through."""
    app = Recorder()
    client = TestClient(RequestGuard(app, **arguments), base_url="http://localhost:9023")
    answer = client.request(method, "/v1/x", headers=headers, content=b"{}" if method == "POST" else None)
    return answer.status_code, answer.json().get("error", {}).get("message", ""), app.requests


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9023", "LocalHost:1", "127.0.0.1:9023", "[::1]:9023", "[::1]"]
)
def test_guard_serves_loopback_hosts_with_any_port(host):
    assert guarded({"host": host}) == (200, "", ["/v1/x"])


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "attacker.example:9023", "localhost.attacker.example", "127.0.0.1.attacker.example",
     "localhost@attacker.example", "attacker.example#localhost", "0.0.0.0:9023", "[::2]:9023",
     "localhost:9023:1", "localhost.", "", " ", "[", "127.0.0.1, attacker.example"],
)  # fmt: skip
def test_guard_refuses_other_hosts_by_name(host):
    status, message, requests = guarded({"host": host})
    assert (status, requests) == (403, [])
    assert message.startswith("Host: expected one of 127.0.0.1, [::1], localhost, received ")


def test_guard_serves_a_host_that_is_allowed():
    assert guarded({"host": "Emulator:9023"}, allowed_hosts=["emulator"])[0] == 200
    assert guarded({"host": "emulator.attacker.example"}, allowed_hosts=["emulator"])[0] == 403


@pytest.mark.parametrize("origin", ["http://attacker.example", "null", "", "http://localhost:9023"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_guard_refuses_requests_with_an_origin(origin, method):
    # A form posts text/plain without asking first.
    headers = {"origin": origin, "content-type": "text/plain"}
    status, message, requests = guarded(headers, method=method)
    assert (status, requests) == (403, [])
    assert message.startswith("Origin: ")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "anything"])
def test_guard_refuses_other_sites(site):
    status, message, requests = guarded({"sec-fetch-site": site})
    assert (status, requests) == (403, [])
    assert message.startswith("Sec-Fetch-Site: ")


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_guard_serves_pages_that_are_opened_by_hand(site):
    assert guarded({"sec-fetch-site": site})[0] == 200


def test_error_response_has_googles_form():
    answer = error_response(NotFound("No such thing."))
    assert answer.status_code == 404
    assert json.loads(answer.body)["error"] == {
        "code": 404,
        "message": "No such thing.",
        "status": "NOT_FOUND",
        "errors": [{"message": "No such thing.", "domain": "global", "reason": "notFound"}],
    }


def test_error_response_of_not_modified_has_no_body():
    answer = error_response(NotModified())
    assert (answer.status_code, answer.body) == (304, b"")


def test_answer_to_a_defect_is_googles_and_the_log_has_the_traceback(faults, caplog):
    async def broken(_request, _fields):
        raise KeyError("a defect")

    async def admit(_request, _match):
        pass

    router = Router([Route("things", "things.get", "GET", "/v1/x", broken)])
    answer = TestClient(Dispatcher(router, faults, admit)).get("/v1/x")
    assert (answer.status_code, answer.json()["error"]["status"]) == (500, "INTERNAL")
    assert "a defect" not in answer.text
    assert "KeyError: 'a defect'" in caplog.text


def test_answer_to_a_path_that_is_no_utf8_is_400(client):
    assert client.get("/v1/%FF").status_code == 400
