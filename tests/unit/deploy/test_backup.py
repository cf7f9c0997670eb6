"""Backup, loss and restore of a team's server, with a real PostgreSQL in place of the container's.

`docker` is a script that runs what a container would run, with its arguments and streams, on this machine.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
SCRIPT = CHECKOUT / "deploy" / "backup.sh"
AIRFLOW = Path(sys.executable).with_name("airflow")
CONNECTION = ["--conn-type", "http", "--conn-password", "s3cret", "--conn-host", "example.com"]

DOCKER = """#!/bin/sh -e
[ "$1" = compose ] || exit 64
shift
echo "$*" >>"$CALLS"
case $1 in
  config) echo "$SERVICES" ;;
  up | stop) ;;
  exec) shift 3; exec "$@" ;;   # exec -T postgres PROGRAM...
  run)                          # run --rm --no-deps -T --workdir FOLDER --entrypoint PROGRAM SERVICE...
    program=$8 service=$9
    shift 9
    cd "$VOLUMES/$service"
    exec "$program" "$@" ;;
  *) exit 64 ;;
esac
"""


def programs() -> Path | None:
    """Folder of PostgreSQL's programs, which Debian keeps off the path."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


PROGRAMS = programs()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAMS is None, reason="needs PostgreSQL's initdb and pg_dump"),
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An empty PostgreSQL that listens on a socket in a folder; the variables of its clients."""
    assert PROGRAMS
    # PostgreSQL refuses to run as root.
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    place = Path("/tmp", f"perennial-pg-{secrets.token_hex(4)}")  # a socket's path is short
    place.mkdir()
    place.chmod(0o777)
    data = str(place / "data")
    initdb = [PROGRAMS / "initdb", "--username=airflow", "--auth=trust", data]
    subprocess.run(initdb, cwd=place, check=True, stdout=subprocess.DEVNULL, **user)
    server = subprocess.Popen(
        [PROGRAMS / "postgres", "-D", data, "-k", str(place), "-c", "listen_addresses=", "-c", "fsync=off"],
        cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user,
    )  # fmt: skip
    variables = {"PGHOST": str(place), "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    wait = "until pg_isready --quiet --username=airflow --dbname=postgres; do sleep 0.1; done"
    ready = ["sh", "-c", f"{wait}; createdb --username=airflow airflow"]
    try:
        subprocess.run(ready, env={**os.environ, **variables}, check=True, timeout=60)
        yield variables
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(place)


@pytest.fixture
def environment(database: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    """Environment of Airflow and of the script."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    return {
        **os.environ,
        **database,
        "PATH": f"{docker.parent}:{database['PATH']}",
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__FERNET_KEY": fernet_key(),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "none"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://airflow@/airflow?host="
        + database["PGHOST"],
        "CALLS": str(tmp_path / "calls"),
        "SERVICES": "postgres\nnetwork\nemulator\nscheduler\napi-server",
        "VOLUMES": str(tmp_path / "volumes"),
    }


def fernet_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


def airflow(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run([AIRFLOW, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def backup(environment: Mapping[str, str], action: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, action, str(folder)], env=environment, capture_output=True, text=True, check=False
    )


def contents(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in root.rglob("*")
    }


@pytest.fixture
def volumes(environment: Mapping[str, str]) -> Path:
    """Contents of the volumes: a bucket with a model, an empty folder, the log of a task."""
    root = Path(environment["VOLUMES"])
    model = root / "emulator" / "buckets" / "perennial" / "runs" / "flowers" / "export"
    model.mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(secrets.token_bytes(300_000))
    (model / "ünïcode name").write_text("x")
    (root / "emulator" / "jobs").mkdir()
    (root / "emulator" / "keys").mkdir(mode=0o700)
    (root / "scheduler").mkdir()
    (root / "scheduler" / "attempt=1.log").write_text("done\n")
    return root


def test_after_a_loss_history_and_models_are_there_again_and_keys_rotate(
    environment: dict[str, str], volumes: Path, tmp_path: Path
) -> None:
    airflow(environment, "db", "migrate")
    airflow(environment, "connections", "add", "warehouse", *CONNECTION)
    before = contents(volumes)
    saved = backup(environment, "save", tmp_path / "saved")
    assert saved.returncode == 0, saved.stderr
    assert {file.name for file in (tmp_path / "saved").iterdir()} == {
        "airflow.dump", "airflow-logs.tar", "emulator.tar",
    }  # fmt: skip
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "saved").iterdir())

    # The loss, and what has come since.
    subprocess.run(["dropdb", "--username=airflow", "airflow"], env=environment, check=True)
    for service in ("emulator", "scheduler"):
        shutil.rmtree(volumes / service)
        (volumes / service).mkdir()
    (volumes / "emulator" / "later").write_text("not in the backup")

    restored = backup(environment, "restore", tmp_path / "saved")
    assert restored.returncode == 0, restored.stderr
    assert contents(volumes) == before
    assert "s3cret" in airflow(environment, "connections", "get", "warehouse", "--output", "json")
    airflow(environment, "db", "check-migrations", "--migration-wait-timeout", "1")
    calls = Path(environment["CALLS"]).read_text().splitlines()
    assert calls.count("stop emulator scheduler api-server") == 2
    assert calls[-1] == "up --detach --wait"

    # Rotation: both keys, re-encryption, the new one alone.
    old, new = environment["AIRFLOW__CORE__FERNET_KEY"], fernet_key()
    airflow({**environment, "AIRFLOW__CORE__FERNET_KEY": f"{new},{old}"}, "rotate-fernet-key")
    rotated = {**environment, "AIRFLOW__CORE__FERNET_KEY": new}
    assert "s3cret" in airflow(rotated, "connections", "get", "warehouse", "--output", "json")

    airflow(rotated, "db", "clean", "--yes", "--skip-archive", "--clean-before-timestamp", "2026-01-01")


def test_restore_of_half_a_backup_touches_nothing(
    environment: dict[str, str], volumes: Path, tmp_path: Path
) -> None:
    half = tmp_path / "half"
    half.mkdir()
    (half / "airflow.dump").write_text("x")
    done = backup(environment, "restore", half)
    assert done.returncode == 1
    assert "airflow-logs.tar, which save makes" in done.stderr
    assert Path(environment["CALLS"]).read_text().splitlines() == ["config --services"]


def test_save_that_fails_starts_the_stack_again_and_leaves_no_backup(
    environment: dict[str, str], volumes: Path, tmp_path: Path
) -> None:
    shutil.rmtree(volumes / "emulator")
    done = backup(environment, "save", tmp_path / "saved")
    assert done.returncode != 0
    assert not [file for file in (tmp_path / "saved").iterdir() if file.suffix != ".part"]
    assert Path(environment["CALLS"]).read_text().splitlines()[-1] == "up --detach --wait"


def test_in_the_cloud_there_is_no_emulator_to_save(
    environment: dict[str, str], volumes: Path, tmp_path: Path
) -> None:
    environment["SERVICES"] = "postgres\nnetwork\nscheduler"
    assert backup(environment, "save", tmp_path / "saved").returncode == 0
    assert {file.name for file in (tmp_path / "saved").iterdir()} == {"airflow.dump", "airflow-logs.tar"}
