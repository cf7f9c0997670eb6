from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.testclient import TestClient

from emulator.dispatch import Dispatcher
from emulator.errors import NotFound
from emulator.faults import Fault, Faults
from emulator.routing import Route, Router
from emulator.state import State


async def show(_request, fields):
    if fields["name"] == "missing":
        raise NotFound("No such thing.")
    return JSONResponse(fields)


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
    return TestClient(Starlette(routes=[Mount("/", app=Dispatcher(Router(routes), faults))]))


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
