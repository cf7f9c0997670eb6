"""Pytest fixtures that run the emulator as a process of its own: `emulator` and `emulator_factory`.

Installing the package is enough for pytest to find them. A project names its container images by a fixture:

    @pytest.fixture(scope="session")
    def emulator_images():
        return {"my-repository/trainer": "my_package.task"}
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import httpx
import pytest
from google.oauth2.service_account import Credentials

from emulator.config import Config
from emulator.faults import PATH as FAULTS
from emulator.iam.accounts import OWNER, account_email, key_file
from emulator.iam.tokens import Tokens

START_SECONDS = 60
STOP_SECONDS = 30
PROJECT = "perennial-local"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)

Images = Mapping[str, str | Path]


class EmulatorProcess:
    """Emulator process with a folder of its own, on a free port that it keeps across restarts.

    Args:
        root: the folder of everything it keeps.
        arguments: further arguments of its command line.
        images: the end of an image's URI without its tag -> the module, or the file of one, that runs in its
            place.
        project: the project that `environment` names.
    """

    def __init__(
        self, root: Path, *arguments: str, images: Images | None = None, project: str = PROJECT
    ) -> None:
        self.root = root
        self.project = project
        self._arguments = arguments
        self._images = images or {}
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1."""
        return self._port

    @property
    def url(self) -> str:
        """Base URL of all services."""
        return self._config.url

    @property
    def pid(self) -> int:
        """Id of the running process."""
        return self._running.pid

    @property
    def log(self) -> str:
        """Output of the process so far."""
        return (self.root / "emulator.log").read_text()

    @property
    def environment(self) -> dict[str, str]:
        """Environment for a process whose Google clients are to find this emulator, as its owner."""
        return {
            **os.environ,
            **self._config.client_variables(self.project),
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.key_file(OWNER)),
            "NO_GCE_CHECK": "true",
        }

    @property
    def gcloud_environment(self) -> dict[str, str]:
        """Environment for gcloud, as the owner; `CLOUDSDK_CONFIG` is the test's own."""
        # gcloud brings a Python of its own; ours is not for it.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return {**inherited, **self._config.gcloud_variables(self.project)}

    @property
    def credentials(self) -> Credentials:
        """Credentials of the owner, for Google's clients."""
        return self.credentials_of(OWNER)

    @cached_property
    def http(self) -> httpx.Client:
        """Plain HTTP client that sends requests as the owner."""

        def authorize(request: httpx.Request) -> httpx.Request:
            request.headers["Authorization"] = f"Bearer {self.token()}"
            return request

        return httpx.Client(base_url=self.url, auth=authorize, timeout=START_SECONDS, trust_env=False)

    def token(self, account_id: str = OWNER) -> str:
        """Return an access token of a service account."""
        return Tokens(self._config.token_secret).issue(self.email(account_id))

    def set_fault(self, **fault: object) -> None:
        """Ask for a fault, see `Fault`."""
        self.http.post(FAULTS, json=fault).raise_for_status()

    def faults(self) -> list[dict[str, object]]:
        """Return the faults that haven't happened yet."""
        found: list[dict[str, object]] = self.http.get(FAULTS).raise_for_status().json()["faults"]
        return found

    def clear_faults(self) -> None:
        """Remove the faults that haven't happened yet."""
        self.http.delete(FAULTS).raise_for_status()

    def email(self, account_id: str) -> str:
        """Return the email of a service account."""
        return account_email(account_id, self._config.project)

    def key_file(self, account_id: str) -> Path:
        """Return the key file of a service account."""
        return key_file(self._config.keys, self.email(account_id))

    def credentials_of(self, account_id: str) -> Credentials:
        """Return the credentials of a service account, for Google's clients."""
        return Credentials.from_service_account_file(str(self.key_file(account_id)), scopes=SCOPES)

    @property
    def _config(self) -> Config:
        return Config(self.root, self._port)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the emulator was not started")
        return self._process

    def start(self) -> None:
        """Start the process and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; the message holds its log.
        """
        port_file = self.root / "port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "emulator", "--root", str(self.root), "--port", str(self._port)]
        paths = []
        for name, module in self._images.items():
            if isinstance(module, Path):
                paths.append(str(module.parent))
            target = module.stem if isinstance(module, Path) else module
            command += ["--image", f"{name}={target}"]
        python_path = os.pathsep.join(filter(None, [*dict.fromkeys(paths), os.environ.get("PYTHONPATH")]))
        with (self.root / "emulator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port-file", str(port_file), *self._arguments],
                stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": python_path},
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the emulator did not start:\n{self.log}")
            time.sleep(0.02)
        self._port = int(port_file.read_text())

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        """End the process and wait for its end; jobs end with it unless the signal is SIGKILL."""
        if "http" in self.__dict__:
            self.__dict__.pop("http").close()
        self._running.send_signal(signal_number)
        self._running.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End the process as `kill -9` does: no handler runs, children live on."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Kill the process and start another on the same folder and port."""
        self.kill()
        self.start()


@pytest.fixture(scope="session")
def emulator_images() -> Images:
    """Return the modules that run in place of container images; a conftest.py overrides it."""
    return {}


@pytest.fixture(scope="session")
def emulator_arguments() -> Sequence[str]:
    """Return arguments of every emulator's command line; a conftest.py overrides it."""
    return ()


@pytest.fixture(scope="session")
def emulator_factory(
    tmp_path_factory: pytest.TempPathFactory, emulator_images: Images, emulator_arguments: Sequence[str]
) -> Iterator[Callable[..., EmulatorProcess]]:
    """Return a function that starts an emulator with further arguments; all are stopped in the end."""
    started: list[EmulatorProcess] = []

    def start(*arguments: str) -> EmulatorProcess:
        # Nothing is pulled where a container runtime happens to run, unless a test asks for it.
        # Tests share a project, and read more logs in a minute than one deployment does.
        # A mount takes two more processes for each replica: tests of it ask for it.
        flags = ["--engine", "none", "--log-reads", "100000", "--pretend-accelerators", "--gcs-fuse", "off"]
        flags += [*emulator_arguments, *arguments]
        started.append(EmulatorProcess(tmp_path_factory.mktemp("emulator"), *flags, images=emulator_images))
        return started[-1]

    yield start
    for emulator in started:
        emulator.stop()


@pytest.fixture(scope="session")
def emulator(emulator_factory: Callable[..., EmulatorProcess]) -> EmulatorProcess:
    """Return the emulator of the whole session."""
    return emulator_factory()
