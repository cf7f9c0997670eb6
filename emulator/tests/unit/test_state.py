import threading

import pytest

from emulator.state import State


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path / "state.sqlite")
    yield state
    state.close()


def test_list_is_in_order_of_insertion_and_replacing_keeps_it(state):
    for name in ("b/2", "a/1", "b/1"):
        state.put("job", name, {"name": name})
    state.put("job", "b/2", {"name": "b/2", "new": True})
    state.put("model", "b/3", {"name": "other kind"})
    assert state.list("job") == [{"name": "b/2", "new": True}, {"name": "a/1"}, {"name": "b/1"}]
    assert [document["name"] for document in state.list("job", "b/")] == ["b/2", "b/1"]


def test_delete_says_whether_there_was_one(state):
    state.put("job", "x", {})
    assert state.delete("job", "x")
    assert not state.delete("job", "x")
    assert state.get("job", "x") is None


def test_transaction_that_fails_writes_nothing(state):
    def fail() -> None:
        with state.transaction():
            state.put("job", "x", {})
            with state.transaction():
                state.put("job", "y", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert state.list("job") == []


def test_transaction_makes_other_threads_wait(state):
    state.put("counter", "x", {"value": 0})

    def count() -> None:
        for _ in range(50):
            with state.transaction():
                value = state.get("counter", "x")["value"]
                state.put("counter", "x", {"value": value + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.get("counter", "x") == {"value": 200}


def test_reopened_file_holds_what_was_put(state, tmp_path):
    state.put("job", "x", {"kept": True})
    other = State(tmp_path / "state.sqlite")
    assert other.get("job", "x") == {"kept": True}
    other.close()
