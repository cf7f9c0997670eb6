"""Configuration of an emulator: its folder, its port, its accounts, and the environment of its clients."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emulator import gcs_fuse
from emulator.iam.accounts import COMPUTE_DEFAULT, OWNER, Accounts
from emulator.iam.tokens import Tokens
from emulator.limits import Capacity
from emulator.metadata_server import metadata_variables

DEFAULT_PROJECT = "perennial-local"
_LOGINS = frozenset({"GOOGLE_APPLICATION_CREDENTIALS", "NO_GCE_CHECK"})


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
        project: the project of the service accounts.
        accounts_file: TOML file of service accounts and roles; without one, the owner is alone.
        capacity: quotas, and times of waiting.
        gcs_fuse: `auto` for a mount of the buckets that training jobs see, where it is possible, or `off`.
    """

    root: Path
    port: int
    images: Mapping[str, str] = field(default_factory=dict)
    engine: str = "auto"
    allowed_hosts: tuple[str, ...] = ()
    project: str = DEFAULT_PROJECT
    accounts_file: Path | None = None
    capacity: Capacity = field(default_factory=Capacity)
    gcs_fuse: str = gcs_fuse.AUTO

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
    def token_secret(self) -> Path:
        """File of the secret that access tokens are signed with."""
        return self.root / "token-secret"

    @property
    def keys(self) -> Path:
        """Folder of the service accounts' key files."""
        return self.root / "keys"

    @property
    def owner_key(self) -> Path:
        """Key file of the account that may do everything."""
        return self.keys / f"{OWNER}.json"

    def accounts(self) -> Accounts:
        """Return the service accounts; their key files are written.

        Raises:
            AccountsFileError: the file of accounts can't be used.
        """
        return Accounts(
            self.keys, project=self.project, token_uri=f"{self.url}/token", file=self.accounts_file
        )

    def client_variables(self, project: str) -> dict[str, str]:
        """Return the environment variables that point Google's clients here, without a login."""
        return {
            "GCS_MOUNT": str(self.buckets),
            "STORAGE_EMULATOR_HOST": self.url,
            "GOOGLE_CLOUD_PROJECT": project,
            # Without it, gcsfs spends seconds asking for hierarchical buckets.
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }

    def gcloud_variables(self, project: str) -> dict[str, str]:
        """Return the environment variables that point gcloud here, as the owner."""
        loopback = f"http://127.0.0.1:{self.port}/"
        return {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": loopback,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_ARTIFACTREGISTRY": loopback,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_DATAFLOW": loopback,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": loopback,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{self.url}/storage/v1/",
            "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(self.owner_key),
            "CLOUDSDK_AUTH_TOKEN_HOST": f"{self.url}/token",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "true",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_CORE_PROJECT": project,
        }

    def job_variables(self, project: str, account: str) -> dict[str, str]:
        """Return the environment variables of a job's Google clients: a metadata server logs them in.

        Args:
            project: the project.
            account: email of the account that they act as; empty for that of jobs which name none.
        """
        # Before the metadata server, google-auth looks for the login of this machine's user.
        nobody = self.root / "nobody"
        nobody.mkdir(exist_ok=True)
        metadata = metadata_variables(
            Tokens(self.token_secret).secret, f"localhost:{self.port}",
            project=project, account=account or COMPUTE_DEFAULT,
        )  # fmt: skip
        return {**self.client_variables(project), **metadata, "CLOUDSDK_CONFIG": str(nobody)}

    def job_environment(self, project: str, account: str) -> dict[str, str]:
        """Return the environment of a job's process: this one's own, but for its logins."""
        kept = {name: value for name, value in os.environ.items() if name not in _LOGINS}
        return {**kept, **self.job_variables(project, account)}
