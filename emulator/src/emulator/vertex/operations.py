"""Long-running operations: each has a thread, and a document that outlives it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.rpc import code_pb2

from emulator.errors import ApiError, FailedPrecondition, NotFound
from emulator.state import State
from emulator.vertex.codec import from_document, to_document, to_protobuf
from emulator.vertex.gapic import types
from emulator.vertex.names import new_id
from emulator.vertex.resources import select_page

KIND = "vertex.operations"

_QUICK_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 60.0
_STOP_SECONDS = 5.0
_STOPPED = "The emulator was stopped before the operation was done."

Work: TypeAlias = Callable[[threading.Event], Any]
"""Runs an operation and returns its response; stops early once the event is set."""


class OperationCancelledError(ApiError):
    """A client cancelled the operation."""

    def __init__(self) -> None:
        super().__init__("The operation was cancelled.", code=499, status="CANCELLED")


class Operations:
    """Operations of all services: their documents, their threads and the Operations methods."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._running: dict[str, tuple[threading.Thread, threading.Event]] = {}
        self._changed = threading.Condition()
        self._stopping = False

    @property
    def calls(self) -> Mapping[str, Callable[[Any], Any]]:
        """Handlers by the name of the method."""
        return {
            "Operations.GetOperation": self.get,
            "Operations.WaitOperation": self.wait,
            "Operations.ListOperations": self.list,
            "Operations.CancelOperation": self.cancel,
            "Operations.DeleteOperation": self.delete,
        }

    def begin(self, resource: str, metadata: Any, work: Work) -> Any:
        """Start an operation in a thread.

        Args:
            resource: the resource that it changes; the operation's name begins with it.
            metadata: the operation's metadata, whose `generic_metadata` is filled in here.
            work: the function to run; an `ApiError` becomes the operation's error.

        Returns:
            The operation: done already if `work` was quick.
        """
        operation = operations_pb2.Operation(name=f"{resource}/operations/{new_id()}")
        now = datetime.now(UTC)
        metadata.generic_metadata = types.GenericOperationMetadata(create_time=now, update_time=now)
        operation.metadata.Pack(to_protobuf(metadata))
        self._state.put(KIND, operation.name, to_document(operation))
        cancelled = threading.Event()
        thread = threading.Thread(target=self._run, args=(operation, work, cancelled), daemon=True)
        self._running[operation.name] = (thread, cancelled)
        thread.start()
        thread.join(_QUICK_SECONDS)
        return self.get(operations_pb2.GetOperationRequest(name=operation.name))

    def start(self) -> None:
        """Abort the operations that an earlier process left unfinished."""
        self._abort("The emulator was killed before the operation was done.")

    def stop(self) -> None:
        """Cancel all running operations; those that ignore it are aborted."""
        self._stopping = True
        running = list(self._running.values())
        for _, cancelled in running:
            cancelled.set()
        for thread, _ in running:
            thread.join(_STOP_SECONDS)
        self._abort(_STOPPED)

    def get(self, request: Any) -> Any:
        """google.longrunning.Operations.GetOperation."""
        document = self._state.get(KIND, request.name)
        if document is None:
            raise NotFound(f"The Operation {request.name} does not exist.")
        return from_document(operations_pb2.Operation, document)

    def wait(self, request: Any) -> Any:
        """google.longrunning.Operations.WaitOperation."""
        seconds = request.timeout.ToTimedelta().total_seconds() or _LONGEST_WAIT_SECONDS
        with self._changed:
            self._changed.wait_for(lambda: self.get(request).done, min(seconds, _LONGEST_WAIT_SECONDS))
        return self.get(request)

    def list(self, request: Any) -> Any:
        """google.longrunning.Operations.ListOperations."""
        documents = self._state.list(KIND, f"{request.name}/operations/")
        operations = [from_document(operations_pb2.Operation, document) for document in reversed(documents)]
        page, token = select_page(
            operations,
            filter_text=request.filter,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return operations_pb2.ListOperationsResponse(operations=page, next_page_token=token)

    def cancel(self, request: Any) -> Any:
        """google.longrunning.Operations.CancelOperation: best effort, as in the service."""
        self.get(request)
        running = self._running.get(request.name)
        if running is not None:
            running[1].set()
        return empty_pb2.Empty()

    def delete(self, request: Any) -> Any:
        """google.longrunning.Operations.DeleteOperation."""
        if not self.get(request).done:
            raise FailedPrecondition(f"The Operation {request.name} is not done.")
        self._state.delete(KIND, request.name)
        return empty_pb2.Empty()

    def _run(self, operation: Any, work: Work, cancelled: threading.Event) -> None:
        try:
            operation.response.Pack(to_protobuf(work(cancelled)))
        except OperationCancelledError as error:
            operation.error.code = code_pb2.ABORTED if self._stopping else code_pb2.CANCELLED
            operation.error.message = _STOPPED if self._stopping else error.message
        except ApiError as error:
            operation.error.code = code_pb2.Code.Value(error.status)
            operation.error.message = error.message
        except Exception as error:
            operation.error.code = code_pb2.INTERNAL
            operation.error.message = f"The emulator failed: {error!r}"
            raise
        finally:
            self._running.pop(operation.name, None)
            self._finish(operation)

    def _finish(self, operation: Any) -> None:
        operation.done = True
        with self._changed:
            with self._state.transaction():
                document = self._state.get(KIND, operation.name)
                # Aborted, while its thread did not listen.
                if document is not None and not document.get("done"):
                    self._state.put(KIND, operation.name, to_document(operation))
            self._changed.notify_all()

    def _abort(self, reason: str) -> None:
        for document in self._state.list(KIND):
            if not document.get("done"):
                operation = from_document(operations_pb2.Operation, document)
                operation.error.code = code_pb2.ABORTED
                operation.error.message = reason
                self._finish(operation)
