"""Imported by every Airflow process at its start (this folder is on PYTHONPATH).

The scheduler forks a worker for each task: what it has imported, a task has for nothing.
"""

from __future__ import annotations

import importlib
import sys

_USED_BY_EVERY_TASK = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.providers.google.common.hooks.base_google",
    "airflow.providers.standard.operators.python",
    "airflow.providers_manager",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.providers_manager_runtime",
    "google.cloud.aiplatform_v1",
    "google.cloud.dataflow_v1beta3",
    "google.cloud.logging",
    "google.cloud.storage",
    "retraining.dag",
)

if sys.argv[1:2] == ["scheduler"]:
    for name in _USED_BY_EVERY_TASK:
        importlib.import_module(name)

if sys.argv[1:2] == ["api-server"]:
    from sqlalchemy import Connection, event
    from sqlalchemy.engine import Engine

    # Python's SQLite begins no transaction before a savepoint. A backfill, which is made in savepoints, then
    # reads before it writes, and is refused at once if the scheduler has written in between.
    # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#serializable-isolation-savepoints-transactional-ddl
    @event.listens_for(Engine, "savepoint")
    def begin(connection: Connection, _name: str) -> None:
        """Take SQLite's write lock, waiting for it if need be."""
        raw = connection.connection.dbapi_connection
        if connection.dialect.driver == "pysqlite" and raw is not None and not raw.in_transaction:
            raw.cursor().execute("BEGIN IMMEDIATE")
