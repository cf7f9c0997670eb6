"""Seconds that Airflow adds to each task: a chain of seven in the local stack against its work in a loop.

python benchmarks/orchestration.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from own_process import work

from local.airflow_client import FINAL_RUN_STATES, AirflowClient
from local.paths import StackPaths
from local.stack import Stack

TASKS = 7
DAG_ID = "orchestration"
CALIBRATION_ITERATIONS = 200_000


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 0 if Airflow adds no more than the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work-seconds", type=float, default=1.0, help="work of each task (%(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="runs of the chain and of the loop (%(default)s)"
    )
    parser.add_argument(
        "--limit", type=float, default=0.25, help="added seconds allowed per task (%(default)s)"
    )
    options = parser.parse_args(arguments)
    iterations = int(
        CALIBRATION_ITERATIONS * options.work_seconds / _seconds_of_loop(1, CALIBRATION_ITERATIONS)
    )
    loops, chains = [], []
    with tempfile.TemporaryDirectory(prefix="perennial-benchmark-") as folder:
        stack = Stack(StackPaths.at(folder), dags=Path(__file__).parent / "dags")
        try:
            stack.up(tensorboard=False)
            with AirflowClient(stack.ports.airflow_url) as airflow:
                airflow.unpause(DAG_ID)
                _seconds_of_run(airflow, 1)  # the first run of a DAG is also its first parse
                for number in range(1, options.rounds + 1):
                    # Alternating, so that a machine that slows down slows both.
                    loops.append(_seconds_of_loop(TASKS, iterations))
                    chains.append(_seconds_of_run(airflow, iterations))
                    print(f"round {number}: loop {loops[-1]:.2f} s, Airflow {chains[-1]:.2f} s", flush=True)
        finally:
            stack.down()
    loop, chain = statistics.median(loops), statistics.median(chains)
    added = (chain - loop) / TASKS
    print(f"{TASKS} tasks of {loop / TASKS:.2f} s: loop {loop:.2f} s, Airflow {chain:.2f} s (medians)")
    print(f"added per task: {added:.2f} s; ratio: {chain / loop:.2f}")
    print(json.dumps({"to_loop": round(chain / loop, 2), "added_seconds_per_task": round(added, 3)}))
    return 0 if added <= options.limit else 1


def _seconds_of_loop(times: int, iterations: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work(iterations)
    return time.perf_counter() - start


def _seconds_of_run(airflow: AirflowClient, iterations: int) -> float:
    asked = datetime.now(UTC)
    run_id = airflow.trigger(DAG_ID, {"iterations": iterations})
    while (state := airflow.run_state(DAG_ID, run_id)) not in FINAL_RUN_STATES:
        time.sleep(0.2)
    if state != "success":
        raise RuntimeError(f"{run_id}: expected success, received {state}")
    # Counted from the request to the end that Airflow recorded, not to when this loop saw it.
    return (airflow.run_end(DAG_ID, run_id) - asked).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
