"""Events of a job, line by line in its folder: the job's process appends, the emulator reads.

A file outlives both: an emulator that was killed finds in it all that the job said meanwhile. States and the
importance of messages are Dataflow's:
https://cloud.google.com/dataflow/docs/reference/rest/v1b3/projects.jobs#jobstate
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

FILENAME = "events.jsonl"


class JobState(StrEnum):
    """State of a job."""

    PENDING = "JOB_STATE_PENDING"
    RUNNING = "JOB_STATE_RUNNING"
    DONE = "JOB_STATE_DONE"
    FAILED = "JOB_STATE_FAILED"
    CANCELLING = "JOB_STATE_CANCELLING"
    CANCELLED = "JOB_STATE_CANCELLED"


class Importance(StrEnum):
    """Importance of a message, from the least to the most; the service numbers them in another order."""

    UNKNOWN = "JOB_MESSAGE_IMPORTANCE_UNKNOWN"
    DEBUG = "JOB_MESSAGE_DEBUG"
    DETAILED = "JOB_MESSAGE_DETAILED"
    BASIC = "JOB_MESSAGE_BASIC"
    WARNING = "JOB_MESSAGE_WARNING"
    ERROR = "JOB_MESSAGE_ERROR"

    @property
    def rank(self) -> int:
        """Place in the order, from 0."""
        return list(Importance).index(self)


TERMINAL_STATES = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, kw_only=True)
class StateChange:
    """Change of a job's state.

    Attributes:
        time: RFC 3339, in UTC.
        state: `JOB_STATE_RUNNING`, ...
    """

    time: str
    state: str


@dataclass(frozen=True, kw_only=True)
class Message:
    """Message for the user.

    Attributes:
        time: RFC 3339, in UTC.
        importance: `JOB_MESSAGE_BASIC`, ...
        text: a sentence or a traceback.
    """

    time: str
    importance: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """All metrics of a job; they replace earlier ones.

    Attributes:
        time: RFC 3339, in UTC.
        updates: Dataflow's MetricUpdates as JSON.
    """

    time: str
    updates: list[dict[str, Any]] = field(default_factory=list)


Event: TypeAlias = StateChange | Message | Metrics
_KINDS: dict[str, type[StateChange | Message | Metrics]] = {
    kind.__name__: kind for kind in (StateChange, Message, Metrics)
}


def now() -> str:
    """Return the time in UTC, RFC 3339 with microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class EventLog:
    """Events of one job, in a file of its folder."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILENAME

    def change_state(self, state: str) -> None:
        """Append a change of state."""
        self._append(StateChange(time=now(), state=state))

    def add_message(self, text: str, *, importance: str = Importance.BASIC) -> None:
        """Append a message for the user."""
        self._append(Message(time=now(), importance=importance, text=text))

    def set_metrics(self, updates: list[dict[str, Any]]) -> None:
        """Append metrics, which replace earlier ones."""
        self._append(Metrics(time=now(), updates=updates))

    def read(self) -> list[Event]:
        """Return all events, oldest first."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        return [event for line in content.split(b"\n") if (event := _from_json(line)) is not None]

    def _append(self, event: Event) -> None:
        document = json.dumps({"kind": type(event).__name__, **asdict(event)})
        # One write to a file opened for appending, since job and emulator may both write; it begins a new
        # line, since the last one may have been cut short when its writer was killed.
        line = f"\n{document}\n".encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def _from_json(line: bytes) -> Event | None:
    """Parse a line; `None` for an empty one, or for the half of one that a killed writer left."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return _KINDS[fields.pop("kind")](**fields)
