"""Memory of fifty runs that wait for their jobs as the triggerer waits: in one process, in one event loop.

python benchmarks/waiting_runs.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

if TYPE_CHECKING:
    from retraining.triggers.job import CustomJobTrigger

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
PROJECT, REGION = "perennial-benchmark", "us-central1"
MEBIBYTE = 1 << 20
START_SECONDS = 60.0
LOOK_SECONDS = 120.0


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; returns 0 if a waiting run costs no more than the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=50, help="runs that wait at once (%(default)s)")
    parser.add_argument("--poll-seconds", type=float, default=2.0, help="between two looks (%(default)s)")
    parser.add_argument(
        "--settle-seconds", type=float, default=15.0, help="before each measure (%(default)s)"
    )
    parser.add_argument("--limit", type=float, default=5.0, help="MiB allowed for each run (%(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="perennial-benchmark-") as folder, _emulator(Path(folder)) as url:
        extra = {"project": PROJECT, "is_anonymous": True, "vertex_ai_endpoint": url}
        connection = {"conn_type": "google_cloud_platform", "extra": extra}
        os.environ.update(
            AIRFLOW_HOME=str(Path(folder, "airflow")),
            AIRFLOW__CORE__PLUGINS_FOLDER=str(PLUGINS),
            AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT=json.dumps(connection),
        )
        jobs = [_job_that_waits(url, number) for number in range(options.runs)]
        none, one, many = asyncio.run(_measure(jobs, options.poll_seconds, options.settle_seconds))
    each = (many - one) / (options.runs - 1)
    print(
        f"one process: {none:.1f} MiB before a run waits, {one:.1f} with one, {many:.1f} with {options.runs}"
    )
    print(f"added by each after the first: {each:.2f} MiB; ratio of {options.runs} to one: {many / one:.2f}")
    return 0 if each <= options.limit else 1


async def _measure(jobs: list[str], poll_seconds: float, settle_seconds: float) -> tuple[float, float, float]:
    """MiB before any trigger runs, with one, and with all of them."""
    from retraining.triggers.job import CustomJobTrigger

    triggers = [
        CustomJobTrigger(
            job=job,
            connection_id="google_cloud_default",
            project=PROJECT,
            region=REGION,
            poll_seconds=poll_seconds,
        )
        for job in jobs
    ]

    async def wait(trigger: CustomJobTrigger) -> None:
        async for event in trigger.run():
            raise RuntimeError(f"{trigger.job}: expected a job that has not begun, received {event}")

    none = _memory()
    waiting = [asyncio.create_task(wait(triggers[0]))]
    await _settle(waiting, triggers[:1], settle_seconds)
    one = _memory()
    waiting += [asyncio.create_task(wait(trigger)) for trigger in triggers[1:]]
    await _settle(waiting, triggers, settle_seconds)
    many = _memory()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for trigger in triggers:
        await trigger.cleanup()
    return none, one, many


async def _settle(
    waiting: list[asyncio.Task[None]], triggers: list[CustomJobTrigger], seconds: float
) -> None:
    """Let time pass from when every trigger has looked at its job; one that ends is an error."""
    until = time.monotonic() + LOOK_SECONDS
    while not all("jobs" in vars(trigger.clients) for trigger in triggers):
        if time.monotonic() > until:
            raise RuntimeError("expected every trigger to look at its job, some did not")
        await asyncio.sleep(0.1)
    ended, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        task.result()


def _memory() -> float:
    """MiB that this process has for itself."""
    return float(psutil.Process().memory_full_info().uss / MEBIBYTE)


@contextmanager
def _emulator(folder: Path) -> Iterator[str]:
    port_file = folder / "port"
    command = [sys.executable, "-m", "emulator", "--root", str(folder / "emulator"), "--port", "0"]
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen([*command, "--port-file", str(port_file)], stdout=log, stderr=log)
    try:
        until = time.monotonic() + START_SECONDS
        while not port_file.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the emulator did not start:\n{(folder / 'emulator.log').read_text()}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{int(port_file.read_text())}"
    finally:
        process.terminate()
        process.wait(30)


def _job_that_waits(url: str, number: int) -> str:
    """A training job that does not begin within the hour."""
    fault = {"target": "slow_start", "delay_seconds": 3600}
    httpx.post(f"{url}/_emulator/faults", json=fault, timeout=30, trust_env=False).raise_for_status()
    machine = {"machineSpec": {"machineType": "n1-standard-4"}, "replicaCount": 1}
    pool = {**machine, "containerSpec": {"imageUri": "perennial/trainer:0.1.0"}}
    answer = httpx.post(
        f"{url}/v1/projects/{PROJECT}/locations/{REGION}/customJobs",
        json={"displayName": f"waited for {number}", "jobSpec": {"workerPoolSpecs": [pool]}},
        timeout=30, trust_env=False,
    )  # fmt: skip
    name: str = answer.raise_for_status().json()["name"]
    return name


if __name__ == "__main__":
    sys.exit(main())
