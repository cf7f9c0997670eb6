"""What list methods share: filter, order and pages.

https://google.aip.dev/132 and https://google.aip.dev/160
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format

from emulator.errors import InvalidArgument
from emulator.filters.parser import parse_filter
from emulator.vertex.wire.codec import plain

_DEFAULT_PAGE_SIZE = 100
_LARGEST_PAGE_SIZE = 1000


def select_page(
    messages: Sequence[Any], *, filter_text: str = "", order_by: str = "", page_size: int, page_token: str
) -> tuple[list[Any], str]:
    """One page of those that match.

    Args:
        messages: all resources, newest first.
        filter_text: `labels.run="a" AND state="JOB_STATE_RUNNING"`, for instance; empty for all.
        order_by: `create_time desc`, for instance.
        page_size: how many at most; 0 for the service's default.
        page_token: the end of an earlier page, or empty.

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
    """A resource as filters see it: fields by the names of the proto, enums by name."""
    view: dict[str, Any] = json_format.MessageToDict(plain(message), preserving_proto_field_name=True)
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
