"""Where everything of one stack lives: `.local` of the checkout, unless told otherwise."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
DAGS = CHECKOUT / "dags"
HOME_VARIABLE = "PERENNIAL_HOME"

# sun_path holds 104 bytes on macOS and 108 on Linux; supervisord first binds PATH.PID and then links it.
_LONGEST_SOCKET_PATH = 90


@dataclass(frozen=True)
class Home:
    """The folder of one stack; two homes are two stacks that don't know of each other.

    Attributes:
        root: an absolute path.
    """

    root: Path

    @classmethod
    def at(cls, folder: str | os.PathLike[str] | None = None) -> Home:
        """The home in a folder, by default `$PERENNIAL_HOME` or `.local` of the checkout."""
        return cls(Path(folder or os.environ.get(HOME_VARIABLE) or CHECKOUT / ".local").resolve())

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME: the database and the logs of tasks."""
        return self.root / "airflow"

    @property
    def database(self) -> Path:
        """Airflow's SQLite file."""
        return self.airflow / "airflow.db"

    @property
    def emulator(self) -> Path:
        """The emulator's root."""
        return self.root / "emulator"

    @property
    def buckets(self) -> Path:
        """Where buckets are plain folders."""
        return self.emulator / "buckets"

    @property
    def samples(self) -> Path:
        """Made or fetched sample data, one folder per dataset."""
        return self.root / "samples"

    @property
    def packages(self) -> Path:
        """The source distributions that Dataflow jobs install."""
        return self.root / "packages"

    @property
    def gcloud(self) -> Path:
        """Gcloud's private configuration."""
        return self.root / "gcloud"

    @property
    def logs(self) -> Path:
        """One log file per service."""
        return self.root / "logs"

    @property
    def environment_file(self) -> Path:
        """The file to be sourced."""
        return self.root / "env"

    @property
    def demo_report(self) -> Path:
        """What the last demo came to."""
        return self.root / "demo.json"

    @property
    def demo_picture(self) -> Path:
        """The image that the last demo asked production about, without the ending of its name."""
        return self.root / "demo-prediction"

    @property
    def by_hand(self) -> Path:
        """What `train` left, one folder per dataset."""
        return self.root / "by-hand"

    @property
    def stack_id(self) -> str:
        """Eight hexadecimal digits that no other home has: every process of the stack carries them."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def socket(self) -> Path:
        """The process manager's socket, in a short folder of our own where the home's path is too long."""
        path = self.root / "supervisor.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        return Path(tempfile.gettempdir()) / f"perennial-{os.getuid()}-{self.stack_id}" / path.name

    def create(self) -> None:
        """Make the folders.

        Raises:
            PermissionError: the socket's folder belongs to somebody else.
        """
        for folder in (self.airflow, self.emulator, self.samples, self.packages, self.gcloud, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        socket_folder = self.socket.parent
        socket_folder.mkdir(mode=0o700, exist_ok=True)
        if socket_folder.stat().st_uid != os.getuid():
            raise PermissionError(
                f"{socket_folder}: expected a folder of user {os.getuid()}, it is another's"
            )
