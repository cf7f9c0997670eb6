"""Batches of rows across requests, with the bounds of TensorFlow Serving's batch scheduler.

https://github.com/tensorflow/serving/blob/master/tensorflow_serving/batching/README.md

A request waits only for company that there is: for as many requests as were under way together since the last
batch, and no longer than the timeout. So a lone client never waits. Everything here runs in the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.errors import ExhaustedError
from serving.instances import Array

Outputs = dict[str, Array]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one request, ready for the graph.

    Attributes:
        signature: name of the signature.
        arrays: by input, with the rows as their first dimension.
        count: number of rows.
    """

    signature: str
    arrays: dict[str, Array]
    count: int

    @property
    def key(self) -> object:
        """What rows must share to be in one batch: the signature and the shape of a row."""
        return self.signature, tuple(array.shape[1:] for array in self.arrays.values())


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """Bounds of batches and of the queue.

    Attributes:
        max_batch_size: most rows of a batch of several requests; 1 for no such batches.
        batch_timeout_micros: most time that a request waits for others, in microseconds.
        max_enqueued_batches: full batches that may wait for a thread.
    """

    max_batch_size: int
    batch_timeout_micros: int
    max_enqueued_batches: int


@dataclass(eq=False)
class _Waiting:
    rows: Rows
    answer: asyncio.Future[Any]
    deadline: float


class Batcher:
    """Queue of one signature's requests, which become batches for a thread pool."""

    def __init__(
        self,
        run: Callable[[Sequence[Rows]], Sequence[Any]],
        *,
        pool: Executor,
        threads: int,
        limits: BatchLimits,
        observe: Callable[[int], None],
    ) -> None:
        """Create an empty queue.

        Args:
            run: returns the result, or the exception, of each request of a batch; called in the pool.
            pool: where batches run.
            threads: most batches that run at the same time.
            limits: bounds of batches and of the queue.
            observe: called with the number of rows of each batch.
        """
        self._run = run
        self._pool = pool
        self._free = threads
        self._limits = limits
        self._observe = observe
        self._waiting: deque[_Waiting] = deque()
        self._waiting_rows = self._running = self._peak = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return the number of requests that wait."""
        return len(self._waiting)

    async def submit(self, rows: Rows) -> Any:
        """Return the result of `run` for a request, in whichever batch.

        Raises:
            ExhaustedError: the queue is full.
        """
        loop = asyncio.get_running_loop()
        limit = self._limits.max_batch_size * self._limits.max_enqueued_batches
        if self._waiting_rows >= limit:
            raise ExhaustedError(
                "queue",
                expected=f"fewer than {limit} rows that wait",
                received=f"{self._waiting_rows} of others",
            )
        deadline = loop.time() + self._limits.batch_timeout_micros / 1e6
        waiting = _Waiting(rows, loop.create_future(), deadline)
        self._waiting.append(waiting)
        self._waiting_rows += self._weight(rows)
        self._peak = max(self._peak, len(self._waiting) + self._running)
        self._dispatch()
        return await waiting.answer

    def _dispatch(self) -> None:
        """Start the batches that are due, and look again when the next one is."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._free:
            due = self._waiting[0].deadline
            alone = self._limits.max_batch_size == 1
            company = len(self._waiting) >= self._peak or self._waiting_rows >= self._limits.max_batch_size
            if not (alone or company or loop.time() >= due):
                self._timer = loop.call_at(due, self._dispatch)
                return
            self._start(self._next_batch())

    def _next_batch(self) -> list[_Waiting]:
        batch = [self._waiting.popleft()]
        size = self._weight(batch[0].rows)
        while self._waiting:
            following = self._waiting[0].rows
            size += self._weight(following)
            if size > self._limits.max_batch_size or following.key != batch[0].rows.key:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _start(self, batch: list[_Waiting]) -> None:
        self._waiting_rows -= sum(self._weight(waiting.rows) for waiting in batch)
        self._free -= 1
        self._running += len(batch)
        self._peak = len(self._waiting) + self._running
        self._observe(sum(waiting.rows.count for waiting in batch))
        work = asyncio.get_running_loop().run_in_executor(
            self._pool, self._run, [waiting.rows for waiting in batch]
        )
        work.add_done_callback(lambda done: self._finish(batch, done))

    def _weight(self, rows: Rows) -> int:
        """Return the rows that a request counts for: one that is larger than a batch is a batch by itself."""
        return min(rows.count, self._limits.max_batch_size)

    def _finish(self, batch: list[_Waiting], done: asyncio.Future[Sequence[Any]]) -> None:
        self._free += 1
        self._running -= len(batch)
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        results = [error] * len(batch) if error is not None else done.result()
        for waiting, result in zip(batch, results, strict=True):
            if waiting.answer.done():  # the client is gone
                continue
            if isinstance(result, BaseException):
                waiting.answer.set_exception(result)
            else:
                waiting.answer.set_result(result)
        self._dispatch()


def concatenate(requests: Sequence[Rows]) -> dict[str, Array]:
    """Return the arrays of several requests of one key, one after another."""
    names = requests[0].arrays
    return {name: np.concatenate([rows.arrays[name] for rows in requests]) for name in names}


def split(outputs: Outputs, requests: Sequence[Rows]) -> list[Outputs]:
    """Return the part of each request of the outputs of a batch."""
    parts, start = [], 0
    for rows in requests:
        end = start + rows.count
        parts.append({name: array[start:end] for name, array in outputs.items()})
        start = end
    return parts
