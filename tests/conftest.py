"""The emulator as a real process, for every test that speaks to it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.config import Config
from local.airflow_client import AirflowClient
from local.demo import follow
from local.paths import StackPaths
from local.report import Report
from local.sources import Source
from local.stack import Stack
from stack_api import StackApi

# Airflow reads these once, when it is imported; without them it makes itself a home in the user's.
_airflow_home = tempfile.TemporaryDirectory(prefix="perennial-airflow-")
os.environ.update(
    AIRFLOW_HOME=_airflow_home.name,
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).parents[1] / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__PLUGINS_FOLDER=str(Path(__file__).parents[1] / "plugins"),
)

IMAGES = Path(__file__).parent / "images"
"""Every module in this folder is the container image `perennial-tests/<module>`."""

START_SECONDS = 60


class Emulator:
    """An emulator process in a folder of its own, on a free port that it keeps across restarts."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self.root = root
        self._arguments = arguments
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return self._config.url

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.root / "emulator.log").read_text()

    @property
    def environment(self) -> dict[str, str]:
        """What a client's process needs to find this emulator."""
        return self._config.child_environment("perennial-local")

    @property
    def _config(self) -> Config:
        return Config(self.root, self._port)

    def start(self) -> None:
        port_file = self.root / "port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "emulator", "--root", str(self.root), "--port", str(self._port)]
        path = os.pathsep.join(filter(None, [str(IMAGES), os.environ.get("PYTHONPATH")]))
        with (self.root / "emulator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port-file", str(port_file), *self._arguments],
                stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the emulator did not start:\n{self.log}")
            time.sleep(0.02)
        self._port = int(port_file.read_text())

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(signal_number)
        self._process.wait(30)

    def kill(self) -> None:
        """As `kill -9` does: no handler runs, children live on."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Kill the process and start another on the same folder and port."""
        self.kill()
        self.start()


@pytest.fixture(scope="session")
def emulator_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Emulator]]:
    """Starts emulators: `emulator_factory("--image", "NAME=MODULE")`; all are stopped in the end."""
    started: list[Emulator] = []

    def start(*arguments: str) -> Emulator:
        images = [f"perennial-tests/{module.stem}={module.stem}" for module in sorted(IMAGES.glob("*.py"))]
        flags = [text for image in images for text in ("--image", image)]
        # Nothing is pulled where an engine happens to run.
        flags += ["--engine", "none"]
        started.append(Emulator(tmp_path_factory.mktemp("emulator"), *flags, *arguments))
        return started[-1]

    yield start
    for emulator in started:
        emulator.stop()


@pytest.fixture(scope="session")
def emulator(emulator_factory: Callable[..., Emulator]) -> Emulator:
    """One emulator for the whole session."""
    return emulator_factory()


@pytest.fixture(scope="session")
def dags_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the DAG files, to which a test may add."""
    dags = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    return Path(shutil.copytree(dags, tmp_path_factory.mktemp("copy") / "dags"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, dags_folder: Path) -> Iterator[Stack]:
    """The whole local stack in a folder of its own; the user's is left alone."""
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
