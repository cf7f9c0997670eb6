import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from emulator.errors import FailedPrecondition, NotFound
from emulator.state import State
from emulator.vertex.gapic import types
from emulator.vertex.operations import OperationCancelledError, Operations


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / "state.sqlite")
    yield state
    state.close()


def begin(operations: Operations, work):
    return operations.begin("projects/p/locations/l", types.DeleteOperationMetadata(), work)


def until_cancelled(cancelled: threading.Event) -> None:
    cancelled.wait()
    raise OperationCancelledError


def get(operations: Operations, name: str):
    return operations.get(operations_pb2.GetOperationRequest(name=name))


def test_begin_of_quick_work_is_done_at_once(state: State) -> None:
    operation = begin(Operations(state), lambda _: types.UploadModelResponse(model="m"))
    assert operation.done
    response = types.UploadModelResponse.pb()()
    operation.response.Unpack(response)
    assert response.model == "m"


def test_begin_of_work_that_is_refused_has_its_error(state: State) -> None:
    def work(_cancelled: threading.Event) -> None:
        raise FailedPrecondition("not now")

    operation = begin(Operations(state), work)
    assert (operation.error.code, operation.error.message) == (code_pb2.FAILED_PRECONDITION, "not now")


def test_start_aborts_what_an_earlier_process_left(state: State) -> None:
    go_on = threading.Event()
    earlier = Operations(state)
    operation = begin(earlier, lambda _: go_on.wait() and empty_pb2.Empty())
    assert not operation.done
    later = Operations(state)
    later.start()
    assert get(later, operation.name).error.code == code_pb2.ABORTED
    go_on.set()
    earlier.stop()
    assert get(later, operation.name).error.code == code_pb2.ABORTED


def test_stop_cancels_what_runs(state: State) -> None:
    operations = Operations(state)
    operation = begin(operations, until_cancelled)
    operations.stop()
    error = get(operations, operation.name).error
    assert (error.code, "stopped" in error.message) == (code_pb2.ABORTED, True)


def test_cancel_ends_what_listens(state: State) -> None:
    operations = Operations(state)
    name = begin(operations, until_cancelled).name
    operations.cancel(operations_pb2.CancelOperationRequest(name=name))
    waited = operations.wait(operations_pb2.WaitOperationRequest(name=name))
    assert waited.error.code == code_pb2.CANCELLED


def test_delete_of_running_work_is_refused(state: State) -> None:
    operations = Operations(state)
    operation = begin(operations, until_cancelled)
    with pytest.raises(FailedPrecondition):
        operations.delete(operations_pb2.DeleteOperationRequest(name=operation.name))
    operations.stop()


def test_get_of_an_unknown_operation_is_not_found(state: State) -> None:
    with pytest.raises(NotFound):
        get(Operations(state), "projects/p/locations/l/operations/1")
