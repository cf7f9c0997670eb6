"""A home for Airflow, which reads these variables when it is imported, and places for the tests' data."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_airflow_home = tempfile.TemporaryDirectory(prefix="perennial-airflow-")
os.environ.update(
    AIRFLOW_HOME=_airflow_home.name,
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).parents[1] / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__PLUGINS_FOLDER=str(Path(__file__).parents[1] / "plugins"),
    # What a test's stack may take its data from.
    PERENNIAL_SOURCE_PREFIXES=f"{tempfile.gettempdir()},gs://",
)
