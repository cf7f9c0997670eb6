"""The units of one virtual machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[3]
FOLDER = CHECKOUT / "deploy" / "systemd"
SERVICES = ("airflow@scheduler.service", "airflow@db-clean.service")
UNITS = ("airflow.target", "airflow-db-clean.timer", *SERVICES)
PROMPT = ("AIRFLOW__SCHEDULER", "AIRFLOW__TRIGGERER", "AIRFLOW__WORKERS")
AIRFLOW = "/opt/perennial/.venv/bin/airflow"
MOST_EXPOSURE = 20
"""Tenths, of 100: systemd calls less than 20 OK."""

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


def environment() -> dict[str, str]:
    lines = (FOLDER / "airflow.env").read_text().splitlines()
    given = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: "".join(shlex.split(value)) for name, value in given}


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, with a program that this machine has."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    for file in tmp_path.rglob("*.*"):
        if file.is_file():
            file.write_text(file.read_text().replace(AIRFLOW, "/bin/true"))
    return tmp_path


def analyze(*arguments: str, units: Path) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_unit_is_valid(units: Path, unit: str) -> None:
    done = analyze("verify", "--man=no", str(units / unit), units=units)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES)
def test_service_is_hardened(units: Path, unit: str) -> None:
    done = analyze(
        "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(units / unit), units=units
    )
    assert done.returncode == 0, done.stdout[-300:]


def test_target_wants_each_component() -> None:
    wanted = re.findall(r"airflow@([\w-]+)\.service", (FOLDER / "airflow.target").read_text())
    compose = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())["services"]
    assert sorted(wanted) == sorted(set(compose) & {"api-server", "scheduler", "dag-processor", "triggerer"})


def test_settings_are_those_of_compose_but_for_its_own() -> None:
    services = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())["services"]
    compose, ours = services["scheduler"]["environment"], environment()
    prompt = {name: value for name, value in ours.items() if name.startswith(PROMPT)}
    assert prompt == {name: value for name, value in compose.items() if name.startswith(PROMPT)}
    assert set(ours) - set(compose) == {
        "AIRFLOW_HOME", "AIRFLOW__API__HOST", "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER",
        "AIRFLOW__FAB__ENABLE_PROXY_FIX", "PYTHONPATH",
    }  # fmt: skip


def test_example_holds_no_secret() -> None:
    secrets = {name for name in environment() if re.search("PASSWORD|SECRET|_KEY", name)}
    assert secrets == {name for name, value in environment().items() if not value} - {
        "AIRFLOW__API__BASE_URL"
    }


def test_connection_is_that_of_the_machines_account() -> None:
    connection = json.loads(environment()["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"])
    assert connection == {"conn_type": "google_cloud_platform"}
