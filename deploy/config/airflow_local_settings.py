"""Settings of every Airflow process, imported at its start (this folder is on PYTHONPATH).

Long-lived processes import at their start what their first task or request would wait for.
"""

from __future__ import annotations

import importlib
import sys

_PROGRAM = sys.argv[1:2]
_SERVES_PAGES = _PROGRAM == ["api-server"] and "execution" not in sys.argv
"""`airflow api-server --apps execution` serves tasks only."""

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

if _PROGRAM == ["scheduler"]:
    for name in _SCHEDULER_IMPORTS:
        importlib.import_module(name)

if _SERVES_PAGES:
    for name in _PAGE_IMPORTS:
        importlib.import_module(name)

if _PROGRAM == ["api-server"]:
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
