"""What the person at the terminal sees while a stack starts: one line per step, live on a terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

console = Console(highlight=False)


class Steps:
    """Named steps that go on at the same time; a context manager around all of them."""

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
        """A step that ends with the block; a failing block leaves it open."""
        self.begin(name, note)
        yield
        self.end(name)

    def begin(self, name: str, note: str = "") -> None:
        """A step begins, or has a new note."""
        with self._lock:
            self._notes[name] = note

    def end(self, name: str, note: str = "") -> None:
        """A step has ended; prints it for good."""
        with self._lock:
            if name in self._ended:
                return
            self._ended[name] = time.monotonic() - self._started
            seconds = self._ended[name]
        self._live.console.print(f"  {name:<16} {note or 'ready':<24} {seconds:5.1f} s")

    def _render(self) -> Table:
        table = Table.grid(padding=(0, 1))
        with self._lock:
            for name, note in self._notes.items():
                if name not in self._ended:
                    table.add_row(Spinner("dots"), name, note)
        return table
