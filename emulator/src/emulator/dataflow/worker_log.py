"""A job's log records as lines of JSON, with the fields that Dataflow's workers send to Cloud Logging.

https://cloud.google.com/dataflow/docs/guides/logging and, for one JSON object a line,
https://cloud.google.com/logging/docs/structured-logging
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any


class JsonFormatter(logging.Formatter):
    """One line a record; a traceback is part of the message."""

    def __init__(self, job_id: str) -> None:
        super().__init__()
        self._job_id = job_id

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON object on one line."""
        fields: dict[str, Any] = {
            "severity": record.levelname,
            "message": super().format(record),
            "logger": f"{record.pathname}:{record.lineno}",
            "thread": record.threadName,
            "job": self._job_id,
            "worker": f"worker-{record.process}",
        }
        return json.dumps(fields)


def log_to_stderr(job_id: str) -> None:
    """Write all records of this process to its standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(job_id))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
