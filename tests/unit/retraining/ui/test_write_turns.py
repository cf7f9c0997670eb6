"""Turns of the requests that write."""

from __future__ import annotations

import asyncio

import pytest

from retraining.ui.write_turns import WriteTurns


def most_at_once(database: str, *methods: str) -> int:
    """Return how many of these requests, sent together, the app behind had at once at most."""
    inside, most = 0, 0

    async def app(scope, receive, send) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        if scope.get("fails"):
            raise RuntimeError

    async def send_all() -> None:
        turns = WriteTurns(app, database=database)
        scopes = [{"type": "http", "method": method, "fails": method == "DELETE"} for method in methods]
        await asyncio.gather(*(turns(scope, None, None) for scope in scopes), return_exceptions=True)

    asyncio.run(asyncio.wait_for(send_all(), timeout=10))
    return most


@pytest.mark.parametrize(
    ("database", "methods", "expected"),
    [
        ("sqlite:////tmp/airflow.db?timeout=60", ("POST", "PATCH", "DELETE", "PUT"), 1),
        ("sqlite:////tmp/airflow.db", ("POST", "GET", "HEAD", "OPTIONS"), 4),
        ("postgresql+psycopg2://airflow@postgres/airflow", ("POST", "PATCH"), 2),
    ],
)
def test_requests_that_write_wait_for_each_other_on_sqlite(
    database: str, methods: tuple[str, ...], expected: int
) -> None:
    assert most_at_once(database, *methods) == expected
