"""Configuration of an emulator: its folder, its port, and the environment of its clients.

Beam's GcsIO and Google's other clients insist on credentials even against an emulator. With the key file of a
made-up service account they neither look for a metadata server nor reach the network, and they can sign URLs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ACCOUNT = "emulator@perennial-local.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Config:
    """Configuration of one emulator.

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
        """Base URL of every service; Beam takes `localhost`, not 127.0.0.1, for a plain HTTP endpoint."""
        return f"http://localhost:{self.port}"

    @property
    def buckets(self) -> Path:
        """Mount of the buckets: `gs://BUCKET/OBJECT` is the file `BUCKET/OBJECT` below it."""
        return self.root / "buckets"

    @property
    def jobs(self) -> Path:
        """Folder of the jobs' folders, with their logs and process files."""
        return self.root / "jobs"

    @property
    def state(self) -> Path:
        """SQLite file of all services' resources."""
        return self.root / "state.sqlite"

    @property
    def credentials(self) -> Path:
        """Key file of a made-up service account, whose tokens come from this emulator."""
        return self.root / "credentials.json"

    def google_variables(self, project: str) -> dict[str, str]:
        """Return the environment variables that point Google's clients here."""
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
        """Return the environment of a job's process: this one's own, with Google's clients pointed here."""
        return {**os.environ, **self.google_variables(project)}


def write_credentials(config: Config) -> None:
    """Write the key file, with a fresh key the first time and this emulator's address always."""
    document = _read(config) or {
        "type": "service_account",
        "project_id": "perennial-local",
        "private_key_id": "local",
        "private_key": _new_private_key(),
        "client_email": _ACCOUNT,
        "client_id": "0",
    }
    document["token_uri"] = f"{config.url}/token"
    temporary = config.credentials.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(document, indent=2))
    temporary.replace(config.credentials)


def _read(config: Config) -> dict[str, str] | None:
    if not config.credentials.exists():
        return None
    document: dict[str, str] = json.loads(config.credentials.read_text())
    return document


def _new_private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
