"""How bad a line of a log is.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogSeverity
"""

from __future__ import annotations

import re

SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
"""In rising order."""

_WORDS = {
    "DEBUG": "DEBUG", "INFO": "INFO", "NOTICE": "NOTICE", "WARN": "WARNING", "WARNING": "WARNING",
    "ERROR": "ERROR", "CRITICAL": "CRITICAL", "FATAL": "CRITICAL",
    "D": "DEBUG", "I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL",
}  # fmt: skip
# `INFO:root:...`, `[INFO] ...`, `2026-01-31 12:00:00,123 - name - INFO - ...`, glog's `I0131 12:00:00 ...`.
_WORD = re.compile(
    r"^(?:\[?\d{4}-\d\d-\d\d[T ][\d:.,+Z]*\]?[\s-]*)?(?:[\w.]+ - )?"
    r"\[?(DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b[\]:\s-]"
)
_GLOG = re.compile(r"^([DIWEF])\d{4} \d\d:\d\d:\d\d")


def severity_of(line: str, stream: str) -> str:
    """The level that a line names at its start; without one, what its stream stands for.

    Args:
        line: one line of a program's output.
        stream: `stdout` stands for INFO, `stderr` for ERROR, as in Vertex AI's training jobs.
    """
    match = _WORD.match(line) or _GLOG.match(line)
    if match is not None:
        return _WORDS[match[1]]
    return "ERROR" if stream == "stderr" else "INFO"


def named_severity(word: object) -> str | None:
    """The severity of a structured line's `severity` field, if it is one."""
    name = str(word).upper()
    return name if name in SEVERITIES else _WORDS.get(name)
