"""Where an emulator lives and what its children are told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """One emulator.

    Attributes:
        root: the folder that holds everything it keeps.
        port: the TCP port on the loopback interface.
        images: the end of an image's URI without its tag -> the Python module that runs in its place.
        engine: the container engine that runs other images: `docker`, `podman`, `auto` for the first that
            answers, or `none`.
        allowed_hosts: names under which it is reached besides the loopback ones.
    """

    root: Path
    port: int
    images: Mapping[str, str] = field(default_factory=dict)
    engine: str = "auto"
    allowed_hosts: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The address of every service; Beam takes `localhost`, not 127.0.0.1, for a plain HTTP endpoint."""
        return f"http://localhost:{self.port}"

    @property
    def buckets(self) -> Path:
        """The mount: `gs://BUCKET/OBJECT` is the file `BUCKET/OBJECT` below it."""
        return self.root / "buckets"

    @property
    def jobs(self) -> Path:
        """One folder for each job: its log and process files."""
        return self.root / "jobs"

    @property
    def state(self) -> Path:
        """The SQLite file of all services' resources."""
        return self.root / "state.sqlite"

    @property
    def credentials(self) -> Path:
        """The made-up service account whose tokens come from this emulator."""
        return self.root / "credentials.json"

    def google_variables(self, project: str) -> dict[str, str]:
        """The environment variables that point Google's clients here."""
        return {
            "GCS_MOUNT": str(self.buckets),
            "STORAGE_EMULATOR_HOST": self.url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.credentials),
            "GOOGLE_CLOUD_PROJECT": project,
            # Without these, clients spend seconds asking for a metadata server and for hierarchical buckets.
            "NO_GCE_CHECK": "true",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }

    def child_environment(self, project: str) -> dict[str, str]:
        """The whole environment of a job's process: this one's own, with Google's clients pointed here."""
        return {**os.environ, **self.google_variables(project)}
