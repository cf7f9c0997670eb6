"""Settings of every Airflow process, imported at its start (this folder is on PYTHONPATH).

Long-lived processes import at their start what their first task or request would wait for.
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
from datetime import UTC, datetime

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

_PROGRAM = sys.argv[1:2]
_SERVES_PAGES = _PROGRAM == ["api-server"] and "execution" not in sys.argv
"""`airflow api-server --apps execution` serves tasks only."""

_SQLITE_TIME = "%Y-%m-%d %H:%M:%S.%f"

_SCHEDULER_IMPORTS = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.providers.google.common.hooks.base_google",
    "airflow.providers.standard.operators.python",
    "airflow.providers_manager",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.providers_manager_runtime",
    "google.cloud.aiplatform_v1",
    "google.cloud.dataflow_v1beta3",
    "google.cloud.logging",
    "google.cloud.storage",
    "retraining.dag",
)
"""Used by every task, whose process the scheduler forks from its own."""

_PAGE_IMPORTS = (
    "PIL.Image",
    "airflow.providers.google.common.hooks.base_google",
    "google.cloud.aiplatform_v1",
    "google.cloud.storage",
    "retraining.ui.app",
    "tensorboard.backend.event_processing.event_accumulator",
    "vl_convert",
)
"""Used by the plugin's pages, the first of which would take seconds without them."""


def tell_exact_time(connection: object, _record: object = None) -> None:
    """Give a new connection to SQLite a clock with fractions of a second.

    Its own has none, so that a run waited for the next second before the scheduler began it.
    https://www.sqlite.org/lang_createtable.html#the_default_clause
    """
    if isinstance(connection, sqlite3.Connection):
        connection.create_function(
            "current_timestamp", 0, lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        )


def lock_at_savepoint(connection: Connection, _name: str) -> None:
    """Take SQLite's write lock, waiting for it if need be.

    Python's SQLite begins no transaction before a savepoint. A backfill, which is made in savepoints, then
    reads before it writes, and is refused at once if the scheduler has written in between.
    https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#serializable-isolation-savepoints-transactional-ddl
    """
    raw = connection.connection.dbapi_connection
    if connection.dialect.driver == "pysqlite" and raw is not None and not raw.in_transaction:
        raw.cursor().execute("BEGIN IMMEDIATE")


if _PROGRAM == ["scheduler"]:
    event.listen(Engine, "connect", tell_exact_time)
    for name in _SCHEDULER_IMPORTS:
        importlib.import_module(name)

if _SERVES_PAGES:
    for name in _PAGE_IMPORTS:
        importlib.import_module(name)

if _PROGRAM == ["api-server"]:
    event.listen(Engine, "savepoint", lock_at_savepoint)
