import asyncio

import pytest

from emulator.errors import ApiError, InvalidArgument
from emulator.faults import Fault, Faults
from emulator.state import State


@pytest.fixture
def faults(tmp_path):
    state = State(tmp_path / "state.sqlite")
    yield Faults(state)
    state.close()


def test_take_counts_down(faults):
    faults.set(Fault(target="failed_deploy", count=2))
    assert [faults.take("failed_deploy") is not None for _ in range(3)] == [True, True, False]
    assert faults.take("preemption") is None


def test_inject_answers_as_asked_for(faults):
    faults.set(Fault(target="some.method", http_status=429))
    with pytest.raises(ApiError) as caught:
        asyncio.run(faults.inject("some.method"))
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    asyncio.run(faults.inject("some.method"))


def test_clear_forgets_all(faults):
    faults.set(Fault(target="a"))
    faults.set(Fault(target="b"))
    faults.clear()
    assert faults.all() == []


@pytest.mark.parametrize("name", ["target", "api_method", "hook"])
def test_from_json_takes_each_name_of_the_target(name):
    assert Fault.from_json({name: "x", "http_status": 503}) == Fault(target="x", http_status=503)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "fault: expected a JSON object"),
        ({}, "target: expected one API method or hook"),
        ({"target": "x", "hook": "y"}, "target: expected one"),
        ({"target": "x", "http_status": 200}, "http_status: expected 400 to 599, received 200"),
        ({"target": "x", "http_status": "503"}, "http_status: expected 0 to 599, received '503'"),
        ({"target": "x", "count": True}, "count: expected 1 to 1000000, received True"),
        ({"target": "x", "lose_answer": 1}, "lose_answer: expected true or false, received 1"),
        ({"target": "preemption", "lose_answer": True}, "lose_answer: expected for a method"),
        ({"target": "x", "sleep": 1}, r"no further fields, received \['sleep'\]"),
    ],
)
def test_from_json_names_what_is_wrong(value, message):
    with pytest.raises(InvalidArgument, match=message):
        Fault.from_json(value)
