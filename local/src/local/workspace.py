"""Folders of offline work on one dataset: `.local/offline/<dataset>`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.artifacts import Evaluation
from local import StackError
from local.paths import StackPaths
from local.sources import Source


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Folder of one dataset.

    Attributes:
        dataset: its name.
        root: the folder.
    """

    dataset: str
    root: Path

    @classmethod
    def at(cls, paths: StackPaths, dataset: str) -> Workspace:
        """Return the workspace of a dataset in a stack's folder."""
        return cls(dataset=dataset, root=paths.offline / dataset)

    @property
    def contract(self) -> Path:
        """Data contract, as the DAG file defines it."""
        return self.root / "contract.json"

    @property
    def jobs(self) -> Path:
        """One folder for each training with other arguments or other records."""
        return self.root / "jobs"

    @property
    def job(self) -> Path:
        """Folder of the last training: a link into `jobs`."""
        return self.root / "job"

    @property
    def model(self) -> Path:
        """SavedModel of the last training."""
        return self.job / "model"

    def records(self, source: Source, contract: dict[str, Any]) -> Path:
        """Return the folder of this source's TFRecords; it differs for other files and other contracts."""
        return self.root / "records" / _key(contract, source.uri, _fingerprint(source))

    def new_job(self, records: Path, module: str, arguments: Sequence[str]) -> Path:
        """Return the folder of a training, the same for the same training, and point `job` to it."""
        folder = self.jobs / _key(records.name, module, list(arguments))
        folder.mkdir(parents=True, exist_ok=True)
        self.job.unlink(missing_ok=True)
        self.job.symlink_to(folder.relative_to(self.root), target_is_directory=True)
        return folder

    def trained_job(self) -> Path:
        """Return the last training's folder.

        Raises:
            StackError: nothing was trained yet, or not to the end.
        """
        if not self.job.is_dir():
            raise StackError(
                f"no model of {self.dataset!r} yet; `make train DATASET={self.dataset}` makes one"
            )
        if not (self.job / Evaluation.FILENAME).is_file():
            raise StackError(
                f"the training in {self.job} has not finished; "
                f"`make train DATASET={self.dataset}` goes on with it"
            )
        return self.job


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _fingerprint(source: Source) -> list[tuple[str, int, int]]:
    """Return name, bytes and modification time of every file of a folder; nothing for a gs:// URI."""
    if source.uri.startswith("gs://"):
        return []
    folder = Path(source.uri)
    files = [(file, file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
    return [(str(file.relative_to(folder)), status.st_size, status.st_mtime_ns) for file, status in files]
