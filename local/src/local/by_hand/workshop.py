"""Where the work by hand on one dataset lies: `.local/by-hand/<dataset>`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import StackError
from local.home import Home
from local.source import Source


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """The folder of one dataset.

    Attributes:
        dataset: its name.
        root: the folder.
    """

    dataset: str
    root: Path

    @classmethod
    def of(cls, home: Home, dataset: str) -> Workshop:
        """The dataset's folder in a home."""
        return cls(dataset=dataset, root=home.by_hand / dataset)

    @property
    def contract(self) -> Path:
        """What its records hold, as its DAG file says it."""
        return self.root / "contract.json"

    @property
    def jobs(self) -> Path:
        """One folder for each training with other arguments or other records."""
        return self.root / "jobs"

    @property
    def job(self) -> Path:
        """The last training: a link into `jobs`."""
        return self.root / "job"

    @property
    def model(self) -> Path:
        """The last training's model."""
        return self.job / "model"

    def records(self, source: Source, contract: dict[str, Any]) -> Path:
        """The folder for the records of this raw data: other files or another contract have another one."""
        return self.root / "records" / _key(contract, source.uri, _fingerprint(source))

    def new_job(self, records: Path, module: str, arguments: Sequence[str]) -> Path:
        """The folder for a training, which `job` leads to from now on; the same training has the same one."""
        folder = self.jobs / _key(records.name, module, list(arguments))
        folder.mkdir(parents=True, exist_ok=True)
        self.job.unlink(missing_ok=True)
        self.job.symlink_to(folder.relative_to(self.root), target_is_directory=True)
        return folder

    def trained_job(self) -> Path:
        """The last training's folder.

        Raises:
            StackError: nothing was trained yet, or not to the end.
        """
        if not self.job.is_dir():
            raise StackError(
                f"no model of {self.dataset!r} yet; `make train DATASET={self.dataset}` makes one"
            )
        if not (self.job / "evaluation.json").is_file():
            raise StackError(
                f"the training in {self.job} has not finished; "
                f"`make train DATASET={self.dataset}` goes on with it"
            )
        return self.job


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _fingerprint(source: Source) -> list[tuple[str, int, int]]:
    """Name, size and time of every file of a folder; a gs:// URI stands for itself."""
    if source.uri.startswith("gs://"):
        return []
    folder = Path(source.uri)
    files = [(file, file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
    return [(str(file.relative_to(folder)), status.st_size, status.st_mtime_ns) for file, status in files]
