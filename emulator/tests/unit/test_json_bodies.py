"""Bodies of requests, and what of JSON is refused."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from starlette.requests import Request

from emulator.errors import InvalidArgument
from emulator.json_bodies import MAX_DEPTH, parse_json, parse_object, read_body, read_json


def request_of(body: bytes, **headers: str) -> Request:
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": encoded}, receive)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "Expecting"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": 1, "a": 2}', "Duplicate name 'a'"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'{"a": "\xff"}', "utf-8"),
        (b"[" * 100_000, "levels"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "levels"),
        (b"9" * 5000, "digits"),
    ],
)
def test_parse_json_refuses(text, reason):
    with pytest.raises(InvalidArgument, match=reason):
        parse_json(text)


def test_parse_json_takes_what_is_allowed():
    assert parse_json(b'{"a": "\\ud83d\\ude00", "b": [1.5, null]}') == {"a": "\U0001f600", "b": [1.5, None]}
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_parse_object_is_empty_without_text_and_refuses_lists():
    assert parse_object(b" ") == {}
    with pytest.raises(InvalidArgument, match="expected an object, received list"):
        parse_object(b"[]")


@pytest.mark.parametrize("headers", [{}, {"content_length": "11"}])
def test_read_body_stops_at_the_limit(headers):
    with pytest.raises(InvalidArgument, match="exceeds the limit: 10 bytes"):
        asyncio.run(read_body(request_of(b"x" * 11, **headers), limit=10))
    assert asyncio.run(read_body(request_of(b"x" * 10), limit=10)) == b"x" * 10


def test_read_body_inflates_within_the_limit():
    small, bomb = gzip.compress(b'{"a": 1}'), gzip.compress(b"0" * 1_000_000)
    assert asyncio.run(read_json(request_of(small, content_encoding="gzip"))) == {"a": 1}
    for body, reason in ((bomb, "exceeds"), (small[:-9], "a part"), (b"plain", "in gzip")):
        with pytest.raises(InvalidArgument, match=reason):
            asyncio.run(read_body(request_of(body, content_encoding="gzip"), limit=10_000))


def test_read_json_refuses_other_content_types():
    assert asyncio.run(read_json(request_of(b"{}", content_type="application/json; charset=UTF-8"))) == {}
    with pytest.raises(InvalidArgument, match="Content-Type: expected application/json, rec"):
        asyncio.run(read_json(request_of(b"{}", content_type="text/plain")))
