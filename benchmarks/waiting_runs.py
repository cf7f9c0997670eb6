"""Memory of the triggerer while fifty runs wait for their training jobs in it: a whole local stack.

python benchmarks/waiting_runs.py
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil

from local.accounts import OwnerLogin
from local.airflow_client import AirflowClient
from local.paths import StackPaths
from local.stack import Stack

DAG_ID = "waiting"
MEBIBYTE = 1 << 20
DEFERRED_SECONDS = 900.0


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
                airflow.unpause(DAG_ID)
                waiting: list[str] = []
                memory = {}
                for count in (0, 1, options.runs):
                    _wait(stack, airflow, waiting, count)
                    time.sleep(options.settle_seconds)
                    memory[count] = _memory(stack)
                    print(f"{count} runs wait: {memory[count]:.1f} MiB", flush=True)
                tries = Counter(_train(airflow, run)[1] for run in waiting)
        finally:
            stack.down()
    each = (memory[options.runs] - memory[1]) / (options.runs - 1)
    print(
        f"added by each after the first: {each:.2f} MiB; all processes of the triggerer, what they alone hold"
    )
    print(f"tries that it took until they waited: {dict(sorted(tries.items()))}")
    return 0 if each <= options.limit else 1


def _wait(stack: Stack, airflow: AirflowClient, waiting: list[str], count: int) -> None:
    """Trigger runs until so many wait for jobs that do not begin within the hour."""
    while len(waiting) < count:
        fault = {"target": "slow_start", "delay_seconds": 3600}
        url = f"{stack.ports.emulator_url}/_emulator/faults"
        httpx.post(url, json=fault, timeout=30, auth=OwnerLogin(stack.paths)).raise_for_status()
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


def _memory(stack: Stack) -> float:
    """Return the unique set size of the triggerer's processes, MiB."""
    (pid,) = [status.pid for status in stack.statuses() if status.name == "triggerer"]
    triggerer = psutil.Process(pid)
    family = [triggerer, *triggerer.children(recursive=True)]
    return float(sum(process.memory_full_info().uss for process in family) / MEBIBYTE)


if __name__ == "__main__":
    sys.exit(main())
