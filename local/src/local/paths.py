"""Folders and files of one stack: `.local` of the checkout, unless told otherwise."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
DAGS = CHECKOUT / "dags"
DEFAULT_ROOT = CHECKOUT / ".local"
HOME_VARIABLE = "PERENNIAL_HOME"

# sun_path holds 104 bytes on macOS and 108 on Linux; supervisord first binds PATH.PID and then links it.
_LONGEST_SOCKET_PATH = 90


@dataclass(frozen=True)
class StackPaths:
    """The folder of one stack; two folders are two independent stacks.

    Attributes:
        root: an absolute path.
    """

    root: Path

    @classmethod
    def at(cls, folder: str | os.PathLike[str] | None = None) -> StackPaths:
        """Return the paths of a stack's folder, by default `$PERENNIAL_HOME` or `.local` of the checkout."""
        return cls(Path(folder or os.environ.get(HOME_VARIABLE) or DEFAULT_ROOT).resolve())

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
        """Parent folder of the buckets, which are plain folders."""
        return self.emulator / "buckets"

    def key_file(self, account: str) -> Path:
        """Return the key file of a service account, which the emulator writes."""
        return self.emulator / "keys" / f"{account}.json"

    @property
    def samples(self) -> Path:
        """Sample data, one folder per dataset; the root of relative sources."""
        return self.root / "samples"

    @property
    def packages(self) -> Path:
        """Source distributions that Dataflow jobs install."""
        return self.root / "packages"

    @property
    def gcloud(self) -> Path:
        """Private configuration of gcloud."""
        return self.root / "gcloud"

    @property
    def logs(self) -> Path:
        """One log file per service."""
        return self.root / "logs"

    @property
    def environment_file(self) -> Path:
        """Shell script that exports the stack's environment."""
        return self.root / "env"

    @property
    def ports_file(self) -> Path:
        """Ports of the last start."""
        return self.root / "ports.json"

    @property
    def secrets_file(self) -> Path:
        """Secrets that Airflow's services share."""
        return self.root / "keys.json"

    @property
    def demo_report(self) -> Path:
        """Report of the last demo."""
        return self.root / "demo.json"

    @property
    def demo_image(self) -> Path:
        """Image that the last demo sent to production, without its suffix."""
        return self.root / "demo-prediction"

    @property
    def offline(self) -> Path:
        """Workspaces of `perennial train`, one folder per dataset."""
        return self.root / "offline"

    @property
    def stack_id(self) -> str:
        """Eight hexadecimal digits, unique to this folder, that every process of the stack carries."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def socket(self) -> Path:
        """Socket of the process manager; in a short private folder if this folder's path is too long."""
        path = self.root / "supervisor.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        return Path(tempfile.gettempdir()) / f"perennial-{os.getuid()}-{self.stack_id}" / path.name

    def create(self) -> None:
        """Create the folders.

        Raises:
            PermissionError: the socket's folder belongs to another user.
        """
        for folder in (self.airflow, self.emulator, self.samples, self.packages, self.gcloud, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        socket_folder = self.socket.parent
        socket_folder.mkdir(mode=0o700, exist_ok=True)
        if socket_folder.stat().st_uid != os.getuid():
            raise PermissionError(
                f"{socket_folder}: expected a folder of user {os.getuid()}, it is another's"
            )
