"""The executor of the local stack and of compose, whose processes are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import enduring_executor
import psutil
import pytest
from airflow.executors.base_executor import BaseExecutor
from enduring_executor import RESULT_SECONDS, EnduringLocalExecutor

FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Workload:
    key: str
    running_state: None = None
    success_state: str = "success"
    failure_state: str = "failed"
    display_name: str = "work"


def run_workload(workload: Workload, **_: Any) -> None:
    if workload.key.startswith("/"):
        wait_for(Path(f"{workload.key}.end").exists)
        os.write(1, b"a line of the task\n")
        Path(workload.key).touch()


def wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def give(executor: EnduringLocalExecutor, key: str) -> None:
    executor.activity_queue.put(Workload(key))
    with executor._unread_messages:
        executor._unread_messages.value += 1


def done(executor: EnduringLocalExecutor, key: str) -> bool:
    executor.sync()
    return key in executor.event_buffer


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[EnduringLocalExecutor]:
    monkeypatch.setattr(BaseExecutor, "run_workload", staticmethod(run_workload))
    executor = EnduringLocalExecutor(parallelism=3)
    executor.start()
    yield executor
    executor.end()


def test_executor_whose_idle_workers_are_killed_goes_on(executor: EnduringLocalExecutor) -> None:
    give(executor, "first")
    wait_for(lambda: done(executor, "first"))
    workers = list(executor.workers.values())
    for number, worker in enumerate(workers, start=1):
        # Each of them in turn: one of the three waits at the queue.
        os.kill(worker.pid or 0, signal.SIGKILL)
        worker.join()
        give(executor, f"after {number}")
        wait_for(lambda number=number: done(executor, f"after {number}"))  # type: ignore[misc]


def test_workers_of_a_killed_scheduler_finish_their_task_and_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(BaseExecutor, "run_workload", staticmethod(run_workload))
    pids = FORK.SimpleQueue()

    def schedule() -> None:
        # Nobody reads the output of a scheduler that is gone.
        reader, writer = os.pipe()
        os.dup2(writer, 1)
        os.close(reader)
        executor = EnduringLocalExecutor(parallelism=3)
        executor.start()
        give(executor, str(tmp_path / "done"))
        wait_for(lambda: executor._unread_messages.value == 0)
        pids.put(list(executor.workers))
        time.sleep(60)

    scheduler = FORK.Process(target=schedule)
    scheduler.start()
    workers = [psutil.Process(pid) for pid in pids.get()]
    os.kill(scheduler.pid or 0, signal.SIGKILL)
    scheduler.join()
    wait_for(lambda: len(psutil.wait_procs(workers, timeout=0)[1]) == 1)  # the one that works
    (tmp_path / "done.end").touch()
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    assert (tmp_path / "done").exists()


def test_end_of_a_task_wakes_a_scheduler_that_does_not_sleep(
    monkeypatch: pytest.MonkeyPatch, executor: EnduringLocalExecutor, tmp_path: Path
) -> None:
    began = time.monotonic()
    executor.sync()
    assert time.monotonic() - began < RESULT_SECONDS, "other schedulers sleep themselves"
    monkeypatch.setenv("AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME", "0")
    monkeypatch.setattr(enduring_executor, "RESULT_SECONDS", 30)
    executor.end()
    executor.start()
    give(executor, str(tmp_path / "done"))
    executor._handed_over = True
    executor.sync()
    assert not executor.event_buffer, "a loop that handed something over does not wait"
    (tmp_path / "done.end").touch()
    executor.sync()
    assert list(executor.event_buffer) == [str(tmp_path / "done")]
    assert time.monotonic() - began < 30


def test_running_tasks_of_a_killed_scheduler_are_adopted_if_they_live() -> None:
    executor = EnduringLocalExecutor(parallelism=3)
    now, long_ago = datetime.now(UTC), datetime.now(UTC) - timedelta(hours=1)
    running, dead, queued = (
        SimpleNamespace(state=state, last_heartbeat_at=heard)
        for state, heard in [("running", now), ("running", long_ago), ("queued", None)]
    )
    assert executor.try_adopt_task_instances([running, dead, queued]) == [dead, queued]
