"""Free ports on the loopback interface, the same ones as last time unless another program took them."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Port of every server of a stack.

    Attributes:
        airflow: Airflow's UI and REST API.
        execution: Airflow's task execution API.
        emulator: all emulated Google services.
        tensorboard: TensorBoard.
    """

    airflow: int
    execution: int
    emulator: int
    tensorboard: int

    @property
    def airflow_url(self) -> str:
        """Airflow's UI and API."""
        return f"http://localhost:{self.airflow}"

    @property
    def execution_url(self) -> str:
        """Airflow's task execution API."""
        return f"http://{LOOPBACK}:{self.execution}/execution/"

    @property
    def emulator_url(self) -> str:
        """All emulated services."""
        return f"http://localhost:{self.emulator}"

    @property
    def tensorboard_url(self) -> str:
        """TensorBoard over all runs."""
        return f"http://localhost:{self.tensorboard}"

    @classmethod
    def read(cls, file: Path) -> Ports | None:
        """Return the ports in a file that `allocate` wrote; `None` if there is no valid file."""
        try:
            document = json.loads(file.read_text())
            return cls(**{field.name: int(document[field.name]) for field in fields(cls)})
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            return None

    @classmethod
    def allocate(cls, file: Path) -> Ports:
        """Return ports that are free now, those in the file where possible, and write them to the file."""
        remembered = cls.read(file)
        chosen: dict[str, int] = {}
        with ExitStack() as held:
            for field in fields(cls):
                wanted = getattr(remembered, field.name, 0)
                listener = held.enter_context(socket.socket())
                # A server that was just stopped leaves connections in TIME_WAIT; they don't take the port.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    listener.bind((LOOPBACK, wanted))
                except OSError:
                    listener.bind((LOOPBACK, 0))
                chosen[field.name] = listener.getsockname()[1]
        ports = cls(**chosen)
        file.write_text(json.dumps(asdict(ports), indent=2) + "\n")
        return ports
