"""Store of resources as messages: get, put, change, and list with filter, order and pages.

https://google.aip.dev/132 and https://google.aip.dev/160
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from google.protobuf import json_format

from emulator.errors import InvalidArgument, NotFound
from emulator.filters import parse_filter
from emulator.limits import PAGE_SIZE
from emulator.state import State
from emulator.vertex.codec import copy_message, from_document, to_document, to_protobuf

_DEFAULT_PAGE_SIZE = 100
_LARGEST_PAGE_SIZE = PAGE_SIZE.value
_MOST_REMEMBERED = 4096


class Resources:
    """Resources of one kind by name; reads return copies."""

    def __init__(self, state: State, kind: str, message_type: Any) -> None:
        """Store messages of a type as documents of a kind."""
        self._state = state
        self._kind = kind
        self._type = message_type
        self._parsed: dict[str, tuple[dict[str, Any], Any]] = {}

    def get(self, name: str) -> Any:
        """Return the resource of this name.

        Raises:
            NotFound: there is none.
        """
        document = self._state.get(self._kind, name)
        if document is None:
            raise NotFound(f"The {self._type.__name__} {name} does not exist.")
        return self._message(document)

    def exists(self, name: str) -> bool:
        """Return True if there is a resource of this name."""
        return self._state.get(self._kind, name) is not None

    def newest_first(self, parent: str = "") -> list[Any]:
        """Return all resources below `projects/P/locations/L`, or of all projects."""
        prefix = f"{parent}/" if parent else ""
        documents = self._state.list(self._kind, prefix)
        return [self._message(document) for document in reversed(documents)]

    def put(self, resource: Any) -> None:
        """Write a resource."""
        self._state.put(self._kind, resource.name, to_document(resource))

    def change(self, name: str, change: Callable[[Any], None]) -> Any:
        """Read, change and write a resource in one transaction; return the new one.

        Args:
            name: the resource's name.
            change: changes its argument in place; if it raises, nothing is written.

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
        self._parsed.pop(name, None)

    def _message(self, document: dict[str, Any]) -> Any:
        """Return a document as a message; it is parsed once, which takes ten times as long as a copy."""
        known = self._parsed.get(document["name"])
        if known is None or known[0] != document:
            if len(self._parsed) >= _MOST_REMEMBERED:
                self._parsed.clear()
            known = self._parsed[document["name"]] = document, from_document(self._type, document)
        return copy_message(known[1])


def select_page(
    messages: Sequence[Any], *, filter_text: str = "", order_by: str = "", page_size: int, page_token: str
) -> tuple[list[Any], str]:
    """Return one page of the messages that match a filter.

    Args:
        messages: all resources, newest first.
        filter_text: `labels.run="a" AND state="JOB_STATE_RUNNING"`, for instance; empty for all.
        order_by: `create_time desc`, for instance.
        page_size: the most messages of a page; 0 for the service's default.
        page_token: the token from an earlier page, or empty.

    Returns:
        The page, and the token of the next one or empty.

    Raises:
        InvalidArgument: the filter, the order or the token can't be understood.
    """
    if page_size < 0:
        raise InvalidArgument(f"page_size: expected 0 or more, received {page_size}")
    condition = parse_filter(filter_text)
    views = [(message, _view(message)) for message in messages]
    matching = [pair for pair in views if condition.matches(pair[1])]
    for field, descending in reversed(_order(order_by)):
        matching.sort(key=lambda pair: str(pair[1].get(field, "")), reverse=descending)
    start = _read_token(page_token)
    end = start + min(page_size or _DEFAULT_PAGE_SIZE, _LARGEST_PAGE_SIZE)
    next_token = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(matching) else ""
    return [message for message, _ in matching[start:end]], next_token


def _view(message: Any) -> dict[str, Any]:
    """Return a resource as filters see it: fields by the names of the proto, enums by name."""
    protobuf: Any = to_protobuf(message)
    message_type: Any = type(protobuf)
    return _view_of(message_type, protobuf.SerializeToString(deterministic=True))


@lru_cache(maxsize=_MOST_REMEMBERED)
def _view_of(message_type: Any, serialized: bytes) -> dict[str, Any]:
    message = message_type.FromString(serialized)
    view: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return view


def _order(text: str) -> list[tuple[str, bool]]:
    fields = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, direction = part.partition(" ")
        if direction.strip() not in ("", "asc", "desc"):
            raise InvalidArgument(
                f"order_by: expected `FIELD`, `FIELD asc` or `FIELD desc`, received {part!r}"
            )
        fields.append((name, direction.strip() == "desc"))
    return fields


def _read_token(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise InvalidArgument(f"page_token: expected one of an earlier page, received {token!r}") from error
