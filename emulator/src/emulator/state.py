"""Resources of all services as JSON documents in one SQLite file.

Every write survives the death of the process (`kill -9`), since it is in the write-ahead log before the call
returns; a power cut can lose the newest: https://www.sqlite.org/pragma.html#pragma_synchronous (NORMAL)
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (kind, name)
)
"""


class State:
    """Store of documents by kind and name; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, or create it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        # Transactions are begun by hand, hence no isolation level.
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a transaction; other threads wait. It nests. Never hold it across an `await`."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def put(self, kind: str, name: str, document: dict[str, Any]) -> None:
        """Write a document, or replace the one of this name, which keeps its place in the order."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO documents (kind, name, document) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, name) DO UPDATE SET document = excluded.document",
                (kind, name, json.dumps(document)),
            )

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return the document of this name, or `None`."""
        with self._lock:
            row = self._connection.execute(
                "SELECT document FROM documents WHERE kind = ? AND name = ?", (kind, name)
            ).fetchone()
        return None if row is None else json.loads(row[0])

    def list(self, kind: str, prefix: str = "") -> list[dict[str, Any]]:
        """Return the documents whose name begins with the prefix, oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT document FROM documents WHERE kind = ? AND substr(name, 1, ?) = ? ORDER BY position",
                (kind, len(prefix), prefix),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def delete(self, kind: str, name: str) -> bool:
        """Remove a document; returns True if there was one."""
        with self._lock:
            cursor = self._connection.execute(
                "DELETE FROM documents WHERE kind = ? AND name = ?", (kind, name)
            )
        return cursor.rowcount > 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
