"""Seven tasks in a row of the same known duration, for benchmarks/orchestration.py."""

from __future__ import annotations

import sys
from pathlib import Path

from airflow.sdk import DAG, chain, task

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with DAG("orchestration", schedule=None, params={"iterations": 1}, tags=["benchmark"]):

    @task
    def work(params: dict[str, int] | None = None) -> None:
        """Keep one core busy."""
        from own_process import work as keep_busy

        assert params is not None
        keep_busy(params["iterations"])

    chain(*[work.override(task_id=f"work_{number}")() for number in range(1, 8)])
