"""Log entries made from what jobs left in their folders.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from emulator.severity import named_severity, severity_of

Payload = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a job's output.

    Attributes:
        time: RFC 3339, in UTC.
        stream: `stdout` or `stderr`.
        text: the line without its end.
    """

    time: str
    stream: str
    text: str


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """A log of one job.

    Attributes:
        project: the project it belongs to.
        log_id: the log's name below the project.
        resource_type: `ml_job` or `dataflow_step`.
        resource_labels: the labels of the monitored resource, `job_id` among them.
        labels: the entries' own labels.
        identity: no other log has it; `insertId`s begin with it.
        read: what was logged until now, oldest first: times and what an entry says besides.
    """

    project: str
    log_id: str
    resource_type: str
    resource_labels: Mapping[str, str]
    labels: Mapping[str, str]
    identity: str
    read: Callable[[], Iterator[tuple[str, Payload]]]

    def entries(self) -> Iterator[dict[str, Any]]:
        """Its log entries, oldest first; an entry's `insertId` stays the same and rises with its place."""
        for number, (time, payload) in enumerate(self.read(), start=1):
            yield {
                "logName": f"projects/{self.project}/logs/{quote(self.log_id, safe='')}",
                "resource": {"type": self.resource_type, "labels": dict(self.resource_labels)},
                "labels": dict(self.labels),
                "timestamp": time,
                "receiveTimestamp": time,
                "insertId": f"{self.identity}.{number:09d}",
                **payload,
            }


def read_lines(log: Path) -> Iterator[Line]:
    """The lines in a process's log, which its keeper writes; none before the first."""
    if not log.exists():
        return
    with log.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            # The keeper may be in the middle of the last one.
            if text.endswith("\n"):
                line = json.loads(text)
                yield Line(time=line["time"], stream=line["stream"], text=line["line"])


def structured(line: Line) -> Payload | None:
    """What a line says that is a JSON object: its fields, and `severity` taken out of them.

    https://cloud.google.com/logging/docs/structured-logging
    """
    if not line.text.startswith("{"):
        return None
    try:
        fields = json.loads(line.text)
    except ValueError:
        return None
    severity = named_severity(fields.pop("severity", "")) or severity_of("", line.stream)
    return {"severity": severity, "jsonPayload": fields}


def plain(line: Line, **fields: Any) -> Payload:
    """What a line of text says; the fields go into the payload too."""
    severity = severity_of(line.text, line.stream)
    return {"severity": severity, "jsonPayload": {"message": line.text, **fields}}
