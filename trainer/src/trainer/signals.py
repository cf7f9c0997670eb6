"""Notices that the job is asked to stop."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self


class StopRequest:
    """While it is entered, SIGTERM is remembered instead of ending the process.

    Spot machines and cancelled jobs get one, and some seconds to save what they have.
    """

    def __init__(self, *, listen: bool = True) -> None:
        self.received = False
        self._listen = listen
        self._before: Any = None

    def __enter__(self) -> Self:
        if self._listen:
            self._before = signal.signal(signal.SIGTERM, self._remember)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._listen:
            signal.signal(signal.SIGTERM, self._before)

    def _remember(self, _signal: int, _frame: FrameType | None) -> None:
        self.received = True
