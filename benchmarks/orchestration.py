"""Seconds that Airflow adds to each task, and what other orchestrators add where they run locally.

python benchmarks/orchestration.py [--peers prefect dagster --uv .local/bootstrap/bin/uv]

Airflow: a chain of seven tasks in the local stack against its work in a loop. Each peer is installed by uv
into a virtual environment of its own; one that can't be is left out. Its chain runs with one task and with
eight, so that the start of the tool does not count. Flyte, in process, Prefect and ZenML run the tasks in the
process of the chain; Metaflow, Kubeflow Pipelines and Dagster begin one for each, as Airflow does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from own_process import work

from local.airflow_client import FINAL_RUN_STATES, AirflowClient
from local.paths import StackPaths
from local.stack import Stack

TASKS = 7
DAG_ID = "orchestration"
CALIBRATION_ITERATIONS = 200_000

HOMES = ("DAGSTER_HOME", "HOME", "METAFLOW_DATASTORE_SYSROOT_LOCAL", "PREFECT_HOME", "ZENML_CONFIG_PATH")
WORK = "from own_process import work"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Orchestrator, and a program that runs a chain with it.

    Attributes:
        package: what is installed.
        head: begin of the program.
        task: one task; `{n}` is its number, `{next}` that of the one after it, `{iterations}` its work.
        tail: end of the program, after the tasks; `{calls}` stands for a line for each of them,
            `{last}` for the last one's number and `{after}` for the one that would follow.
        call: one line of `calls`.
        arguments: the program's, on its command line.
    """

    package: str
    head: str
    task: str
    tail: str
    call: str = ""
    arguments: tuple[str, ...] = ()

    def program(self, tasks: int, iterations: int) -> str:
        """Return the text of the program for a chain of so many tasks."""
        numbers = range(1, tasks + 1)
        bodies = [self.task.format(n=n, next=n + 1, iterations=iterations) for n in numbers]
        calls = "".join(self.call.format(n=n, before=n - 1) for n in numbers)
        tail = self.tail.replace("{calls}", calls)
        tail = tail.replace("{last}", str(tasks)).replace("{after}", str(tasks + 1))
        return self.head + "".join(bodies) + tail


PEERS = {
    "flyte": Peer(
        package="flytekit",
        head=f"from flytekit import task, workflow\n{WORK}\n",
        task="@task\ndef work_{n}(before: int) -> int:\n    work({iterations})\n    return {n}\n",
        tail="@workflow\ndef chain() -> int:\n    done_0 = 0\n{calls}    return done_{last}\nchain()\n",
        call="    done_{n} = work_{n}(before=done_{before})\n",
    ),
    "prefect": Peer(
        package="prefect",
        head=f"from prefect import flow, task\n{WORK}\n",
        task="@task\ndef work_{n}():\n    work({iterations})\n",
        tail="@flow\ndef chain():\n{calls}chain()\n",
        call="    work_{n}()\n",
    ),
    "metaflow": Peer(
        package="metaflow",
        head="from metaflow import FlowSpec, step\n"
        "class Chain(FlowSpec):\n    @step\n    def start(self):\n        self.next(self.work_1)\n",
        task=f"    @step\n    def work_{{n}}(self):\n        {WORK}\n        work({{iterations}})\n"
        "        self.next(self.work_{next})\n",
        tail="    @step\n    def work_{after}(self):\n        self.next(self.end)\n"
        "    @step\n    def end(self):\n        pass\nif __name__ == '__main__':\n    Chain()\n",
        arguments=("run",),
    ),
    "kfp": Peer(
        package="kfp",
        head="from kfp import dsl, local\nlocal.init(runner=local.SubprocessRunner(use_venv=False))\n",
        task="@dsl.component(install_kfp_package=False)\ndef work_{n}(before: int) -> int:\n"
        f"    {WORK}\n    work({{iterations}})\n    return {{n}}\n",
        tail="@dsl.pipeline\ndef chain():\n{calls}chain()\n",
        call="    done_{n} = work_{n}(before=done_{before}.output if {before} else 0)\n",
    ),
    "zenml": Peer(
        package="zenml[local]",
        head=f"from zenml import pipeline, step\n{WORK}\n",
        task="@step(enable_cache=False)\ndef work_{n}(before: int) -> int:\n    work({iterations})\n"
        "    return {n}\n",
        tail="@pipeline(enable_cache=False)\ndef chain():\n    done_0 = 0\n{calls}\nchain()\n",
        call="    done_{n} = work_{n}(before=done_{before})\n",
    ),
    "dagster": Peer(
        package="dagster",
        head="from dagster import DagsterInstance, In, Nothing, execute_job, job, op, reconstructable\n"
        f"{WORK}\n@op\ndef work_0():\n    pass\n",
        task="@op(ins={{'before': In(Nothing)}})\ndef work_{n}():\n    work({iterations})\n",
        tail="@job\ndef chain():\n    done_0 = work_0()\n{calls}\n"
        "if __name__ == '__main__':\n    with DagsterInstance.get() as instance:\n"
        "        execute_job(reconstructable(chain), instance, raise_on_error=True)\n",
        call="    done_{n} = work_{n}(done_{before})\n",
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 0 if Airflow adds no more than the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work-seconds", type=float, default=1.0, help="work of each task (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each chain (%(default)s)")
    parser.add_argument(
        "--limit", type=float, default=0.25, help="seconds that Airflow may add to a task (%(default)s)"
    )
    parser.add_argument("--peers", nargs="*", choices=sorted(PEERS), default=[], help="others to measure")
    parser.add_argument("--uv", default="uv", help="program that installs them (%(default)s)")
    options = parser.parse_args(arguments)
    iterations = int(
        CALIBRATION_ITERATIONS * options.work_seconds / _seconds_of_loop(1, CALIBRATION_ITERATIONS)
    )
    loop, chain = _airflow(iterations, options.rounds)
    added = {"airflow": (chain - loop) / TASKS}
    print(f"{TASKS} tasks of {loop / TASKS:.2f} s: loop {loop:.2f} s, Airflow {chain:.2f} s (medians)")
    print(f"added per task: {added['airflow']:.2f} s; ratio: {chain / loop:.2f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="perennial-peers-") as folder:
        for name in options.peers:
            python = _installed(PEERS[name], Path(folder) / name, options.uv)
            if python is None:
                print(f"{name}: not installed", flush=True)
                continue
            _seconds(PEERS[name], python, 1, 1)  # the first run also makes its folders and database
            rounds = [_added(PEERS[name], python, iterations) for _ in range(options.rounds)]
            added[name] = statistics.median(seconds for seconds, _ in rounds)
            start = statistics.median(seconds for _, seconds in rounds)
            print(
                f"{name}: {added[name]:.2f} s added per task, after {start:.1f} s for its start", flush=True
            )
    rounded = {name: round(seconds, 3) for name, seconds in added.items()}
    print(json.dumps({"to_loop": round(chain / loop, 2), "added_seconds_per_task": rounded}))
    return 0 if added["airflow"] <= options.limit else 1


def _airflow(iterations: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of the work in a loop, and of the chain in the local stack: medians."""
    loops, chains = [], []
    with tempfile.TemporaryDirectory(prefix="perennial-benchmark-") as folder:
        stack = Stack(StackPaths.at(folder), dags=Path(__file__).parent / "dags")
        try:
            stack.up(tensorboard=False)
            with AirflowClient(stack.ports.airflow_url) as airflow:
                airflow.unpause(DAG_ID)
                _seconds_of_run(airflow, 1)  # the first run of a DAG is also its first parse
                for number in range(1, rounds + 1):
                    # Alternating, so that a machine that slows down slows both.
                    loops.append(_seconds_of_loop(TASKS, iterations))
                    chains.append(_seconds_of_run(airflow, iterations))
                    print(f"round {number}: loop {loops[-1]:.2f} s, Airflow {chains[-1]:.2f} s", flush=True)
        finally:
            stack.down()
    return statistics.median(loops), statistics.median(chains)


def _added(peer: Peer, python: Path, iterations: int) -> tuple[float, float]:
    """Return the seconds that a peer adds to each task, and those of its start."""
    one, longer = (_seconds(peer, python, count, iterations) for count in (1, 1 + TASKS))
    loop = _seconds_of_loop(TASKS, iterations)
    return (longer - one - loop) / TASKS, one - loop / TASKS


def _installed(peer: Peer, folder: Path, uv: str) -> Path | None:
    """Return the Python of a new virtual environment with the package; None where it can't be installed."""
    python = folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), "--compile-bytecode", peer.package],
    ):
        if subprocess.run(command, check=False).returncode:
            return None
    return python


def _seconds(peer: Peer, python: Path, tasks: int, iterations: int) -> float:
    """Return how long a chain of so many tasks takes, the start of the tool included."""
    with tempfile.TemporaryDirectory(dir=python.parents[1]) as folder:
        program = Path(folder) / "chain.py"
        program.write_text(peer.program(tasks, iterations))
        home = python.parents[1] / "home"
        home.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            **{name: str(home) for name in HOMES},
            "DO_NOT_TRACK": "1",
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "PYTHONPATH": str(Path(__file__).parent),
            "USERNAME": "benchmark",
            "ZENML_ANALYTICS_OPT_IN": "false",
        }
        begin = time.perf_counter()
        done = subprocess.run(
            [str(python), str(program), *peer.arguments], env=environment, cwd=folder, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        seconds = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{peer.package}: exit status {done.returncode}\n{done.stdout[-3000:]}")
    return seconds


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
