"""Cost of runs that wait for their training jobs: memory, database rows, permissions, on a local stack.

    python benchmarks/waiting_runs.py
    python benchmarks/waiting_runs.py --runs 1000

The emulator answers at once; the jobs don't begin within the hour.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx
import psutil

from local.accounts import OwnerLogin
from local.airflow_client import AirflowClient
from local.paths import StackPaths
from local.stack import Stack

DAG_ID = "waiting"
PROCESSES = ("triggerer", "scheduler")
MEBIBYTE = 1 << 20
DEFERRED_SECONDS = 3600.0


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 0 if a waiting run costs no more than the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=50, help="runs that wait at once (%(default)s)")
    parser.add_argument(
        "--settle-seconds", type=float, default=15.0, help="before each measure (%(default)s)"
    )
    parser.add_argument("--limit", type=float, default=5.0, help="MiB allowed for each run (%(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="perennial-benchmark-") as folder:
        stack = Stack(StackPaths.at(folder), dags=Path(__file__).parent / "dags")
        try:
            stack.up(tensorboard=False)
            with AirflowClient(stack.ports.airflow_url) as airflow:
                _delay_jobs(stack, 2 * options.runs)
                airflow.unpause(DAG_ID)
                waiting: list[str] = []
                memory: dict[int, dict[str, float]] = {}
                rows: dict[int, int] = {}
                began = time.monotonic()
                for count in (0, 1, options.runs):
                    _wait(airflow, waiting, count)
                    time.sleep(options.settle_seconds)
                    memory[count] = {name: _memory(stack, name) for name in PROCESSES}
                    print(f"{count} runs wait: {_listed(memory[count])} MiB", flush=True)
                    rows[count] = _rows(stack)
                seconds = time.monotonic() - began
                before, since = _requests(stack), time.monotonic()
                time.sleep(options.settle_seconds)
                requests = (_requests(stack) - before) / (time.monotonic() - since) * 60 / options.runs
                tries = Counter(_train(airflow, run)[1] for run in waiting)
        finally:
            stack.down()
    most, one = options.runs, memory[1]
    each = {name: (memory[most][name] - one[name]) / (most - 1) for name in PROCESSES}
    each_rows = (rows[most] - rows[1]) / (most - 1)
    print(f"added by each run after the first: {_listed(each)} MiB, what the processes alone hold; "
          f"{each_rows:.0f} rows of the database; {requests:.1f} permissions asked for a minute")  # fmt: skip
    print(f"all of them waited after {seconds:.0f} s, {seconds / most:.2f} s each")
    print(f"tries that it took until they waited: {dict(sorted(tries.items()))}")
    ratios = {f"{name}_memory_to_one": round(memory[most][name] / one[name], 3) for name in PROCESSES}
    print(json.dumps({"runs": most, **ratios, "rows_per_run": round(each_rows, 1),
                      "permission_checks_per_run_and_minute": round(requests, 2)}))  # fmt: skip
    return 0 if each["triggerer"] <= options.limit else 1


def _listed(memory: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {size:.2f}" for name, size in memory.items())


def _delay_jobs(stack: Stack, jobs: int) -> None:
    """Keep the next jobs from beginning within the hour."""
    fault = {"target": "slow_start", "delay_seconds": 3600, "count": jobs}
    url = f"{stack.ports.emulator_url}/_emulator/faults"
    httpx.post(url, json=fault, timeout=30, auth=OwnerLogin(stack.paths)).raise_for_status()


def _wait(airflow: AirflowClient, waiting: list[str], count: int) -> None:
    """Trigger runs until so many wait for their jobs."""
    while len(waiting) < count:
        waiting.append(airflow.trigger(DAG_ID, {}))
    until = time.monotonic() + DEFERRED_SECONDS
    while states := Counter(state for run in waiting if (state := _train(airflow, run)[0]) != "deferred"):
        if time.monotonic() > until or states["failed"]:
            raise RuntimeError(f"expected {count} deferred tasks; {dict(states)} are something else")
        time.sleep(2)


def _train(airflow: AirflowClient, run_id: str) -> tuple[str | None, int]:
    """Return state and try of a run's one task."""
    (task,) = airflow.task_instances(DAG_ID, run_id)
    return task.state, task.try_number


def _memory(stack: Stack, name: str) -> float:
    """Return the unique set size of a program's processes, MiB."""
    (pid,) = [status.pid for status in stack.statuses() if status.name == name]
    program = psutil.Process(pid)
    family = [program, *program.children(recursive=True)]
    return float(sum(process.memory_full_info().uss for process in family) / MEBIBYTE)


def _rows(stack: Stack) -> int:
    """Return the number of rows in Airflow's database."""
    with closing(sqlite3.connect(stack.paths.database, timeout=60)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        counts = (database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for (table,) in tables)
        return sum(counts)


def _requests(stack: Stack) -> int:
    """Return how often a permission was asked for so far, by the emulator's audit log, which keeps 32 MiB."""
    files = (stack.paths.emulator / name for name in ("audit.jsonl.1", "audit.jsonl"))
    return sum(len(file.read_bytes().splitlines()) for file in files if file.exists())


if __name__ == "__main__":
    sys.exit(main())
