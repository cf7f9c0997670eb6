"""LocalExecutor that endures kills: of its workers, idle or not, and of its scheduler (docs/adr/0024).

AIRFLOW__CORE__EXECUTOR=enduring_executor.EnduringLocalExecutor
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing import connection, reduction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.executors import local_executor
from airflow.executors.local_executor import LocalExecutor
from airflow.utils.state import TaskInstanceState

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance


WORKERS_LOG = "local-executor.log"
"""File in Airflow's folder of logs with what the workers write; tasks have logs of their own besides."""
MOST_LOG_BYTES = 10_000_000

RESULT_SECONDS = 0.2
"""Longest wait for the end of a task, in each loop of a scheduler that does not sleep itself."""


class ProcessLock:
    """Lock between processes that the kernel releases when its holder dies, unlike a semaphore.

    https://man7.org/linux/man-pages/man2/fcntl_locking.2.html
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._file = tempfile.TemporaryFile() if descriptor is None else open(descriptor, "r+b")  # noqa: SIM115, PTH123

    def __enter__(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Hand the file to a process that is spawned, not forked."""
        return _inherited_lock, (reduction.DupFd(self._file.fileno()),)


def _inherited_lock(descriptor: Any) -> ProcessLock:
    return ProcessLock(descriptor.detach())


class EnduringLocalExecutor(LocalExecutor):
    """LocalExecutor with a queue that survives its workers, and tasks that survive their scheduler.

    - Idle workers take turns at the queue by a lock that dies with its holder: the kill of one costs nothing.
    - Only the scheduler can write to the queue, so that its workers end after their task when it is killed.
    - A running task of a scheduler that was killed goes on, and is not begun again beside itself.
    - What workers write goes to a file: the reader of the scheduler's output goes with the scheduler.
    - A task that was taken from the queue by a worker that died before it began is queued again.

    Where `scheduler_idle_sleep_time` is 0, the end of a task wakes the scheduler, which then begins the next.
    """

    _handed_over = False

    def start(self) -> None:
        """Start the workers, with a log of their own."""
        folder = Path(self.conf.get("logging", "base_log_folder"))
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / WORKERS_LOG
        if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self._waits = float(self.conf.get_mandatory_value("scheduler", "scheduler_idle_sleep_time")) == 0
        super().start()

    def sync(self) -> None:
        """Read what ended; wait a moment for it if this loop handed nothing to the workers."""
        results: Any = self.result_queue
        if self._waits and not self._handed_over:
            connection.wait([results._reader], RESULT_SECONDS)
        self._handed_over = False
        super().sync()

    def end(self) -> None:
        """Wait for the running tasks, and end the workers."""
        super().end()
        queue: Any = self.activity_queue
        queue._rlock.close()

    def _spawn_worker(self) -> None:
        queue: Any = self.activity_queue
        if not isinstance(queue._rlock, ProcessLock):
            queue._rlock = ProcessLock()
        worker = multiprocessing.Process(
            target=_run_worker,
            kwargs={
                "logger_name": self.log.name,
                "input": self.activity_queue,
                "output": self.result_queue,
                "unread_messages": self._unread_messages,
                "team_conf": self.conf,
            },
        )
        worker.start()
        assert worker.pid is not None  # noqa: S101, it was started
        self.workers[worker.pid] = worker

    def _process_workloads(self, workload_list: Sequence[Any]) -> None:
        self._handed_over = True
        super()._process_workloads(workload_list)

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Return the tasks to begin again: those that don't run, or whose process is not heard of."""
        silent = timedelta(seconds=self.conf.getint("scheduler", "task_instance_heartbeat_timeout"))
        return [
            task
            for task in tis
            if task.state != TaskInstanceState.RUNNING
            or task.last_heartbeat_at is None
            or task.last_heartbeat_at < datetime.now(UTC) - silent
        ]

    def revoke_task(self, *, ti: TaskInstance) -> None:
        """Forget a task that stayed in the queue; should two workers begin it, the API server stops one."""
        self.queued_tasks.pop(ti.key, None)
        self.running.discard(ti.key)


def _run_worker(**kwargs: Any) -> None:
    # The copy that a fork leaves; while any is open, no reader sees the end of the scheduler.
    kwargs["input"]._writer.close()
    # A process manager closes the scheduler's output when that dies; a write to it would end the task.
    folder = Path(kwargs["team_conf"].get("logging", "base_log_folder"))
    with (folder / WORKERS_LOG).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    local_executor._run_worker(**kwargs)
