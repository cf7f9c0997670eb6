"""Prerequisites of a start: Airflow's database, the packages of Dataflow workers, the bucket."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import httpx

from local import StackError
from local.accounts import PROJECT, OwnerLogin
from local.environment import BUCKET, REGION
from local.paths import CHECKOUT, StackPaths
from local.ports import Ports

_SDISTS = {"perennial-contract": "contract", "perennial-preprocessing": "preprocessing"}


def migrate_database(paths: StackPaths, environment: Mapping[str, str]) -> bool:
    """Migrate Airflow's metadata database to the installed Airflow; return True if that was necessary.

    `airflow db migrate` takes eight seconds to find out that it has nothing to do, so the version of its last
    run is kept beside the database.

    Raises:
        StackError: the migration failed; shows the end of its output.
    """
    installed = version("apache-airflow-core")
    stamp = paths.airflow / ".migrated-to"
    if paths.database.exists() and stamp.exists() and stamp.read_text() == installed:
        return False
    completed = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=dict(environment), cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    log = paths.logs / "database.log"
    log.write_text(completed.stdout + completed.stderr)
    if completed.returncode != 0:
        last_lines = "\n".join(log.read_text().splitlines()[-15:])
        raise StackError(f"airflow db migrate failed ({log}):\n{last_lines}")
    stamp.write_text(installed)
    return True


def build_packages(paths: StackPaths) -> list[str]:
    """Build the source distributions whose sources changed; return their names.

    Raises:
        StackError: a build failed; shows uv's message.
    """
    built = []
    for name, member in _SDISTS.items():
        stamp = paths.packages / f".{name}.sources"
        digest = _digest(CHECKOUT / member)
        sdist = f"{name.replace('-', '_')}-*.tar.gz"
        if stamp.exists() and stamp.read_text() == digest and list(paths.packages.glob(sdist)):
            continue
        for outdated in paths.packages.glob(sdist):
            outdated.unlink()
        completed = subprocess.run(
            [_uv(), "build", "--sdist", "--quiet", "--package", name, "--out-dir", str(paths.packages)],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if completed.returncode != 0:
            raise StackError(f"uv could not build {name}:\n{completed.stderr.strip()}")
        stamp.write_text(digest)
        built.append(name)
    return built


def create_bucket(paths: StackPaths, ports: Ports) -> None:
    """Create the stack's bucket unless it exists.

    Raises:
        StackError: the emulator refuses.
    """
    response = httpx.post(
        f"{ports.emulator_url}/storage/v1/b",
        params={"project": PROJECT}, json={"name": BUCKET, "location": REGION}, timeout=30, trust_env=False,
        auth=OwnerLogin(paths),
    )  # fmt: skip
    if response.status_code not in (httpx.codes.OK, httpx.codes.CONFLICT):
        raise StackError(f"the emulator did not create gs://{BUCKET}: {response.text[:500]}")


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in {".py", ".toml"}:
            digest.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _uv() -> str:
    beside_python = Path(sys.executable).parent / "uv"
    found = str(beside_python) if beside_python.exists() else shutil.which("uv")
    if found is None:
        raise StackError("uv: expected beside this Python or on PATH, found in neither; run `make install`")
    return found
