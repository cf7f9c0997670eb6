from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from serving.batching import Batcher, BatchLimits, Rows, concatenate, split
from serving.errors import ExhaustedError

MINUTE = 60_000_000


def rows(*values: float, signature: str = "s") -> Rows:
    return Rows(signature=signature, arrays={"x": np.array(values)}, count=len(values))


class Recorder:
    """Doubles rows in batches that it remembers; each one waits for `go`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, batch: Sequence[Rows]) -> Sequence[Any]:
        self.batches.append([item.count for item in batch])
        assert self.go.wait(30)
        return split({"y": concatenate(batch)["x"] * 2}, batch)


def batcher(run: Recorder, pool: ThreadPoolExecutor, **limits: int) -> Batcher:
    defaults = {"max_batch_size": 8, "batch_timeout_micros": MINUTE, "max_enqueued_batches": 2}
    bounds = BatchLimits(**{**defaults, **limits})
    return Batcher(run, pool=pool, threads=1, limits=bounds, observe=lambda size: None)


async def submitted(queue: Batcher, *requests: Rows) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(queue.submit(request)) for request in requests]
    await asyncio.sleep(0)
    return tasks


def test_requests_that_arrive_while_a_batch_runs_share_the_next_one() -> None:
    async def scenario(pool: ThreadPoolExecutor) -> None:
        run = Recorder()
        queue = batcher(run, pool, batch_timeout_micros=50_000)
        tasks = await submitted(queue, *(rows(float(n)) for n in range(5)))
        run.go.set()
        answers = [answer["y"].tolist() for answer in await asyncio.gather(*tasks)]
        assert answers == [[0.0], [2.0], [4.0], [6.0], [8.0]]
        assert run.batches == [[1], [1, 1, 1, 1]]

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(scenario(pool))


def test_a_lone_client_never_waits_for_others() -> None:
    async def scenario(pool: ThreadPoolExecutor) -> None:
        run = Recorder()
        run.go.set()
        queue = batcher(run, pool)
        for _ in range(20):
            await asyncio.wait_for(queue.submit(rows(1.0)), 10)
        assert run.batches == [[1]] * 20

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(scenario(pool))


def test_one_of_several_clients_waits_for_the_others_until_the_timeout() -> None:
    async def scenario(pool: ThreadPoolExecutor) -> None:
        run = Recorder()
        run.go.set()
        queue = batcher(run, pool, batch_timeout_micros=50_000)
        await asyncio.gather(*(queue.submit(rows(1.0)) for _ in range(4)))
        started = time.monotonic()
        await queue.submit(rows(1.0))
        first = time.monotonic() - started
        await queue.submit(rows(1.0))
        assert first >= 0.045
        assert time.monotonic() - started - first < 0.045, "the others are known to be gone"

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(scenario(pool))


def test_batches_have_no_more_rows_than_allowed_and_one_shape() -> None:
    async def scenario(pool: ThreadPoolExecutor) -> None:
        run = Recorder()
        queue = batcher(run, pool, batch_timeout_micros=0, max_enqueued_batches=9)
        wide = Rows(signature="s", arrays={"x": np.ones((2, 3))}, count=2)
        tasks = await submitted(
            queue, rows(1.0), rows(*[1.0] * 5), rows(*[1.0] * 4), rows(*[1.0] * 20), wide, rows(7.0)
        )
        run.go.set()
        answers = await asyncio.gather(*tasks)
        assert run.batches == [[1], [5], [4], [20], [2], [1]]
        assert answers[4]["y"].shape == (2, 3)

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(scenario(pool))


def test_model_without_batches_gets_each_request_alone() -> None:
    async def scenario(pool: ThreadPoolExecutor) -> None:
        run = Recorder()
        queue = batcher(run, pool, max_batch_size=1, max_enqueued_batches=9)
        tasks = await submitted(queue, *(rows(*[1.0] * count) for count in (1, 2, 3)))
        run.go.set()
        await asyncio.gather(*tasks)
        assert run.batches == [[1], [2], [3]]

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(scenario(pool))


def test_full_queue_refuses_and_takes_again_when_it_has_room() -> None:
    async def scenario(pool: ThreadPoolExecutor) -> None:
        run = Recorder()
        queue = batcher(run, pool, max_enqueued_batches=1)
        tasks = await submitted(queue, rows(0.0), rows(*[1.0] * 30))
        assert len(queue) == 1
        with pytest.raises(ExhaustedError, match="queue: expected fewer than 8 rows that wait, received 8"):
            await queue.submit(rows(2.0))
        run.go.set()
        await asyncio.gather(*tasks)
        assert (await queue.submit(rows(3.0)))["y"].tolist() == [6.0]
        assert len(queue) == 0

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(scenario(pool))


def test_error_of_one_request_is_its_own_and_a_cancelled_one_disturbs_none() -> None:
    def run(batch: Sequence[Rows]) -> Sequence[Any]:
        return [ValueError("bad") if item.arrays["x"][0] < 0 else item.count for item in batch]

    async def scenario(pool: ThreadPoolExecutor) -> None:
        limits = BatchLimits(max_batch_size=8, batch_timeout_micros=0, max_enqueued_batches=2)
        queue = Batcher(run, pool=pool, threads=1, limits=limits, observe=lambda size: None)
        good, bad, gone = await submitted(queue, rows(1.0, 2.0), rows(-1.0), rows(3.0))
        gone.cancel()
        answers = await asyncio.gather(good, bad, gone, return_exceptions=True)
        assert answers[0] == 2
        assert isinstance(answers[1], ValueError)
        assert isinstance(answers[2], asyncio.CancelledError)

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(scenario(pool))
