"""Seven tasks in a row, each of which does the same known work: what benchmarks/orchestration.py measures."""

from __future__ import annotations

import sys
from pathlib import Path

from airflow.sdk import DAG, chain, task

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with DAG("orchestration", schedule=None, params={"iterations": 1}, tags=["benchmark"]):

    @task
    def work(params: dict[str, int] | None = None) -> None:
        """Keep one core busy."""
        from known_work import do

        assert params is not None
        do(params["iterations"])

    chain(*[work.override(task_id=f"work_{number}")() for number in range(1, 8)])
