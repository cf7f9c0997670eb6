"""Airflow's metadata database: one SQLite file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version

from local.errors import StackError
from local.home import CHECKOUT, Home


def migrate(home: Home, environment: Mapping[str, str]) -> bool:
    """Bring the database to the installed Airflow's schema; returns whether there was anything to do.

    `airflow db migrate` takes eight seconds to find that out, so the version that it was last run for is kept
    beside the database.

    Raises:
        StackError: the migration failed; says its last lines.
    """
    installed = version("apache-airflow-core")
    stamp = home.airflow / ".migrated-to"
    if home.database.exists() and stamp.exists() and stamp.read_text() == installed:
        return False
    completed = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=dict(environment), cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    log = home.logs / "database.log"
    log.write_text(completed.stdout + completed.stderr)
    if completed.returncode != 0:
        last_lines = "\n".join(log.read_text().splitlines()[-15:])
        raise StackError(f"airflow db migrate failed ({log}):\n{last_lines}")
    stamp.write_text(installed)
    return True
