"""Log of who used which permission, in the form of Cloud Audit Logs' data access entries.

One JSON object a line, with the fields of AuditLog that matter here:
https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

FILENAME = "audit.jsonl"
MOST_BYTES = 32 << 20
OLD_FILES = 1


class AuditLog:
    """Log in a file of at most 32 MiB, and the one before it.

    Args:
        folder: the folder of the file.
    """

    def __init__(self, folder: Path) -> None:
        # It locks, rotates, and flushes each entry.
        self._handler = RotatingFileHandler(
            folder / FILENAME, maxBytes=MOST_BYTES, backupCount=OLD_FILES, delay=True, encoding="utf-8"
        )
        self._handler.setFormatter(logging.Formatter("%(message)s"))

    def add(self, email: str, permission: str, *, resource: str, method: str, granted: bool) -> None:
        """Add an entry."""
        entry = {
            "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "protoPayload": {
                "methodName": method,
                "resourceName": resource,
                "authenticationInfo": {"principalEmail": email},
                "authorizationInfo": [{"permission": permission, "granted": granted}],
            },
        }
        self._handler.handle(
            logging.LogRecord("audit", logging.INFO, "", 0, json.dumps(entry), args=None, exc_info=None)
        )

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries that a folder holds, oldest first; a line that was cut off is passed over."""
    for file in (folder / f"{FILENAME}.{OLD_FILES}", folder / FILENAME):
        if not file.exists():
            continue
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue
