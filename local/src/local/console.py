"""Terminal output: the steps of a start and the tasks of a run, live or as plain lines."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from local.airflow_client import FINAL_RUN_STATES, AirflowClient, TaskInstance

console = Console(highlight=False)

_POLL_SECONDS = 1.0
_STYLES = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "running": "cyan",
    "up_for_retry": "yellow",
    "skipped": "dim",
}


class Steps:
    """Display of concurrent named steps; a context manager around all of them."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._notes: dict[str, str] = {}
        self._ended: dict[str, float] = {}
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._render, console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @contextmanager
    def step(self, name: str, note: str = "") -> Iterator[None]:
        """Show a step that ends with the block; a failing block leaves it open."""
        self.begin(name, note)
        yield
        self.end(name)

    def begin(self, name: str, note: str = "") -> None:
        """Show a step as running, or replace its note."""
        with self._lock:
            self._notes[name] = note

    def end(self, name: str, note: str = "", details: Sequence[str] = ()) -> None:
        """Print a step as done, with further lines below it."""
        with self._lock:
            if name in self._ended:
                return
            self._ended[name] = time.monotonic() - self._started
            seconds = self._ended[name]
        self._live.console.print(f"  {name:<16} {note or 'ready':<24} {seconds:5.1f} s", soft_wrap=True)
        for detail in details:
            self._live.console.print(f"    {detail}", markup=False, soft_wrap=True)

    def _render(self) -> Table:
        table = Table.grid(padding=(0, 1))
        with self._lock:
            for name, note in self._notes.items():
                if name not in self._ended:
                    table.add_row(Spinner("dots"), name, note)
        return table


class RunTable:
    """Display of one run until it ends; a context manager."""

    def __init__(self, airflow: AirflowClient, dag_id: str, run_id: str) -> None:
        self._airflow = airflow
        self._dag_id = dag_id
        self._run_id = run_id
        self._order = airflow.task_order(dag_id)
        self._tasks: Sequence[TaskInstance] = ()
        self._notes: dict[tuple[str, int, str | None], str] = {}
        self._printed: set[tuple[str, int, str | None]] = set()
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def watch(self) -> tuple[str, Sequence[TaskInstance]]:
        """Wait for the end of the run; return its state and its tasks in order."""
        while True:
            # In this order, so that the tasks of a final state are final too.
            state = self._airflow.run_state(self._dag_id, self._run_id)
            tasks = self._airflow.task_instances(self._dag_id, self._run_id)
            self._tasks = sorted(tasks, key=lambda task: self._order.index(task.task_id))
            for task in self._tasks:
                self._update_note(task)
            if not console.is_terminal:
                self._print_changes()
            if state in FINAL_RUN_STATES:
                return state, self._tasks
            time.sleep(_POLL_SECONDS)

    def _update_note(self, task: TaskInstance) -> None:
        key = (task.task_id, task.try_number, task.state)
        if task.try_number == 0 or (key in self._notes and task.state != "running"):
            return
        result = (
            self._airflow.xcom(self._dag_id, self._run_id, task.task_id) if task.state == "success" else None
        )
        if isinstance(result, dict) and "note" in result:
            self._notes[key] = str(result["note"])
            return
        lines = self._airflow.log(self._dag_id, self._run_id, task.task_id, task.try_number)
        own = [line for line in lines if line.from_task]
        self._notes[key] = own[-1].text if own else ""

    @property
    def notes(self) -> dict[str, str]:
        """Last message of each task."""
        return {task.task_id: self._note(task) for task in self._tasks}

    def _note(self, task: TaskInstance) -> str:
        return self._notes.get((task.task_id, task.try_number, task.state), "")

    def _print_changes(self) -> None:
        for task in self._tasks:
            key = (task.task_id, task.try_number, task.state)
            if task.state in {"running", "success", "failed", "up_for_retry", "upstream_failed", "skipped"}:
                if key in self._printed:
                    continue
                self._printed.add(key)
                seconds = task.seconds(datetime.now(UTC)) or 0.0
                note = "" if task.state == "running" else self._note(task)
                retry = f" (try {task.try_number})" if task.try_number > 1 else ""
                line = f"  {task.task_id:<22} {task.state or '':<16} {seconds:6.1f} s{retry}  {note}"
                console.print(line.rstrip(), markup=False, soft_wrap=True)

    def _render(self) -> Table:
        table = Table("task", "state", "seconds", "tries", "note", box=None, pad_edge=False)
        now = datetime.now(UTC)
        for task in self._tasks:
            seconds = task.seconds(now)
            table.add_row(
                task.task_id,
                Text(task.state or "waiting", style=_STYLES.get(task.state or "", "dim")),
                "" if seconds is None else f"{seconds:.1f}",
                str(task.try_number or ""),
                Text(self._note(task), overflow="ellipsis", no_wrap=True),
            )
        return table
