"""Responses that leave in one piece."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from serving.http_protocol import JoinedWrites


class Transport:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def close(self) -> None:
        self.calls.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.calls


@pytest.mark.parametrize(
    ("pieces", "closed", "expected"),
    [
        ([b"head", b"body"], False, [b"headbody"]),
        ([b"head"], False, [b"head"]),
        ([b"head", b"body"], True, [b"headbody", "closed"]),
        ([], True, ["closed"]),
    ],
)
def test_what_is_written_in_one_turn_is_one_write(
    pieces: list[bytes], closed: bool, expected: list[Any]
) -> None:
    transport = Transport()

    async def turn() -> None:
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        for piece in pieces:
            joined.write(piece)
        assert transport.calls == []
        if closed:
            joined.close()
        await asyncio.sleep(0)
        assert joined.is_closing() is closed

    asyncio.run(turn())
    assert transport.calls == expected


def test_later_turns_are_writes_of_their_own() -> None:
    transport = Transport()

    async def turns() -> None:
        joined = JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]
        for piece in (b"one", b"two"):
            joined.write(piece)
            await asyncio.sleep(0)

    asyncio.run(turns())
    assert transport.calls == [b"one", b"two"]
