"""Serving processes: one for each deployed model, monitored and restarted.

The contract of a serving container:
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import httpx

from emulator import processes
from emulator.errors import FailedPrecondition
from emulator.processes import Process, StartError
from emulator.vertex.containers import ServerSpec
from emulator.vertex.operations import OperationCancelledError
from emulator.vertex.paths import remove_child

_HOST = "127.0.0.1"
_POLL_SECONDS = 0.1
_RESTART_SECONDS = 1.0
_HEALTH_TIMEOUT_SECONDS = 5.0
_GRACE_SECONDS = 5.0
_LAST_LINES = 20


class ServerError(FailedPrecondition):
    """A server did not become ready."""


class ModelServer:
    """Serving process of one deployed model."""

    def __init__(self, directory: Path, spec: ServerSpec) -> None:
        """Create the server without starting it.

        Args:
            directory: its own folder; a process that an earlier emulator left there is ended.
            spec: its command, environment and routes.
        """
        self._directory = directory
        self._spec = spec
        self._process = Process(directory)
        self._stopped = threading.Event()
        self._port: int | None = None
        self._thread: threading.Thread | None = None

    @property
    def predict_url(self) -> str | None:
        """URL for predictions; `None` while the server isn't ready."""
        port = self._port
        return None if port is None else f"http://{_HOST}:{port}{self._spec.predict_route}"

    def deploy(self, cancelled: threading.Event) -> None:
        """Start the process, wait until it is healthy and monitor it from then on.

        Args:
            cancelled: ends the wait.

        Raises:
            ServerError: it exited, or isn't healthy in time; the message holds the end of its log.
            OperationCancelledError: the event was set.
        """
        try:
            if cancelled.wait(self._spec.delay_seconds):
                raise OperationCancelledError
            self._start(cancelled)
        except BaseException:
            self._process.terminate(_GRACE_SECONDS)
            raise
        self._watch_in_background()

    def restore(self) -> None:
        """Start and monitor the process of a model that was deployed before, without waiting for it."""
        self._watch_in_background()

    def stop(self) -> None:
        """End the process for good."""
        self._stopped.set()
        self._port = None
        if self._thread is not None:
            self._thread.join()
        self._process.terminate(_GRACE_SECONDS)

    def remove(self) -> None:
        """End the process for good and remove its folder."""
        self.stop()
        remove_child(self._directory.parent, self._directory.name)

    def _watch_in_background(self) -> None:
        self._thread = threading.Thread(target=self._watch, name=str(self._directory), daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            if self._port is None:
                try:
                    self._start(self._stopped)
                except OperationCancelledError:
                    return
                except ServerError:
                    self._process.terminate(0)
                    self._stopped.wait(_RESTART_SECONDS)
            elif not self._process.running():
                self._port = None
                self._stopped.wait(_RESTART_SECONDS)
            else:
                self._stopped.wait(_POLL_SECONDS)

    def _start(self, cancelled: threading.Event) -> None:
        self._process.terminate(0)
        port = _free_port()
        work = self._directory / "work"
        work.mkdir(parents=True, exist_ok=True)
        try:
            processes.start(
                self._directory,
                self._spec.argv,
                environment={**self._spec.environment, "AIP_HTTP_PORT": str(port)},
                cwd=work,
            )
        except StartError as error:
            raise ServerError(str(error)) from error
        self._wait_until_healthy(port, cancelled)
        self._port = port

    def _wait_until_healthy(self, port: int, cancelled: threading.Event) -> None:
        url = f"http://{_HOST}:{port}{self._spec.health_route}"
        looks = int(self._spec.startup_seconds / _POLL_SECONDS)
        with httpx.Client(timeout=_HEALTH_TIMEOUT_SECONDS, trust_env=False) as client:
            for _ in range(looks):
                if cancelled.is_set():
                    raise OperationCancelledError
                if not self._process.running():
                    raise self._error("Model server exited unexpectedly.")
                try:
                    if client.get(url).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass  # it doesn't listen yet
                cancelled.wait(_POLL_SECONDS)
        raise self._error(
            f"Model server never became ready: {self._spec.health_route} did not answer 200 within "
            f"{self._spec.startup_seconds:g} seconds."
        )

    def _error(self, message: str) -> ServerError:
        lines = "\n".join(self._process.last_lines(_LAST_LINES))
        return ServerError(f"{message} Its last lines:\n{lines}" if lines else message)


def remove_orphans(root: Path) -> None:
    """End the servers that an earlier emulator left running and remove their folders.

    Args:
        root: the folder that holds the servers' folders.
    """
    for directory in root.iterdir() if root.exists() else ():
        if not directory.is_symlink():
            Process(directory).terminate(0)
        remove_child(root, directory.name)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        return int(listener.getsockname()[1])
