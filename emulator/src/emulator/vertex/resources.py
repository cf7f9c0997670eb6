"""One kind of resource in the state, as messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from emulator.errors import NotFound
from emulator.state import State
from emulator.vertex.wire.codec import from_document, to_document


class Resources:
    """The resources of one kind by name; what is read is a copy."""

    def __init__(self, state: State, kind: str, message_type: Any) -> None:
        """Keep messages of a type in the documents of a kind."""
        self._state = state
        self._kind = kind
        self._type = message_type

    def get(self, name: str) -> Any:
        """The resource of this name.

        Raises:
            NotFound: there is none.
        """
        document = self._state.get(self._kind, name)
        if document is None:
            raise NotFound(f"The {self._type.__name__} {name} does not exist.")
        return from_document(self._type, document)

    def exists(self, name: str) -> bool:
        """Whether there is one of this name."""
        return self._state.get(self._kind, name) is not None

    def newest_first(self, parent: str = "") -> list[Any]:
        """All resources below `projects/P/locations/L`, or of all projects."""
        prefix = f"{parent}/" if parent else ""
        documents = self._state.list(self._kind, prefix)
        return [from_document(self._type, document) for document in reversed(documents)]

    def put(self, resource: Any) -> None:
        """Write a resource."""
        self._state.put(self._kind, resource.name, to_document(resource))

    def change(self, name: str, change: Callable[[Any], None]) -> Any:
        """Read, change and write a resource as one step; returns the new one.

        Args:
            name: the resource.
            change: changes the message it gets; when it raises nothing is written.

        Raises:
            NotFound: there is none.
        """
        with self._state.transaction():
            resource = self.get(name)
            change(resource)
            resource.update_time = datetime.now(UTC)
            self.put(resource)
        return resource

    def delete(self, name: str) -> None:
        """Remove the resource of this name."""
        self._state.delete(self._kind, name)
