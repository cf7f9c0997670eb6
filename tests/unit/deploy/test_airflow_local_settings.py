"""Settings of Airflow's processes."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from airflow_local_settings import tell_exact_time
from sqlalchemy import create_engine, event, func, select


def test_clock_of_sqlite_is_exact() -> None:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", tell_exact_time)
    for _ in range(3):
        before = datetime.now(UTC).replace(tzinfo=None)
        with engine.connect() as connection:
            # Airflow's comparison: texts of one form.
            told = str(connection.exec_driver_sql("SELECT CURRENT_TIMESTAMP").scalar_one())
            assert f"{before}" <= told <= f"{before + timedelta(seconds=1)}"
            assert connection.execute(select(func.now() >= before)).scalar_one()


def test_other_databases_keep_their_clock() -> None:
    tell_exact_time(object())
    plain = sqlite3.connect(":memory:")
    assert len(plain.execute("SELECT CURRENT_TIMESTAMP").fetchone()[0]) == len("2026-01-01 00:00:00")
    plain.close()
