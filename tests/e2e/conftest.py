"""The whole local stack, once for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.airflow_client import AirflowClient
from local.demo import follow
from local.paths import StackPaths
from local.report import Report
from local.sources import Source
from local.stack import Stack
from metrics_collector import MetricsCollector
from stack_api import StackApi


@pytest.fixture(scope="session")
def dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the DAG files, to which a test may add."""
    dags = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    return Path(shutil.copytree(dags, tmp_path_factory.mktemp("copy") / "dags"))


@pytest.fixture(scope="session")
def metrics() -> Iterator[MetricsCollector]:
    """Where the stack's metrics go."""
    collector = MetricsCollector()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in collector.variables.items():
            patch.setenv(name, value)
        yield collector
    collector.close()


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, dags_folder: Path, metrics: MetricsCollector
) -> Iterator[Stack]:
    """The whole local stack in a folder of its own; the user's is left alone."""
    del metrics  # before the stack's processes inherit the environment
    stack = Stack(StackPaths.at(tmp_path_factory.mktemp("stack")), dags=dags_folder)
    try:
        stack.up(tensorboard=False)
        yield stack
    finally:
        stack.down()


@pytest.fixture(scope="session")
def add_dag(stack: Stack, dags_folder: Path) -> Callable[[str, str], None]:
    """Adds a DAG file, `add_dag("tips_training", text)`, and waits until Airflow has found it."""

    def add(dag_id: str, text: str) -> None:
        (dags_folder / f"{dag_id}.py").write_text(text)
        with AirflowClient(stack.ports.airflow_url) as airflow:
            until = time.monotonic() + 120
            while dag_id not in airflow.dag_ids():
                assert time.monotonic() < until, "Airflow does not find the new DAG"
                time.sleep(1)

    return add


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[StackApi]:
    """The stack by REST."""
    api = StackApi(stack)
    yield api
    api.airflow.close()


@pytest.fixture(scope="session")
def few_pictures(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A small set of rendered flowers."""
    folder = tmp_path_factory.mktemp("pictures") / "flowers"
    command = [sys.executable, "-m", "samples", "flowers", "--output-dir", str(folder)]
    subprocess.run([*command, "--images", "200", "--size", "64"], check=True)
    return Source(uri=str(folder), synthetic=True, description="rendered pictures")


@pytest.fixture(scope="session")
def short_training() -> dict[str, int]:
    """Parameters of a run that is over soon; what it learns is beside the point."""
    return {"image_size": 32, "train_batch_size": 32, "train_steps": 20, "steps_per_eval": 20}


@pytest.fixture(scope="session")
def first_run(stack: Stack, few_pictures: Source, short_training: dict[str, int]) -> Report:
    """A whole run of flowers_training through a real scheduler."""
    return follow(stack, "flowers", few_pictures, short_training)
