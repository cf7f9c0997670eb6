import json
import subprocess
from pathlib import Path

import pytest

from local.environment import (
    STACK_VARIABLE,
    airflow_variables,
    google_variables,
    perennial_variables,
    process_environment,
    write_environment_file,
)
from local.home import DAGS, Home
from local.keys import Keys
from local.ports import Ports

PORTS = Ports(airflow=1001, execution=1004, emulator=1002, tensorboard=1003)
KEYS = Keys(jwt_secret="jwt", api_secret_key="api", fernet_key="fernet")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path / "it's here")
    home.create()
    return home


def sourced(home: Home) -> dict[str, str]:
    completed = subprocess.run(
        ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", '. "$0" && env -0', str(home.environment_file)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in completed.stdout.split("\0") if line)


def test_environment_file_sourced_gives_exactly_the_variables(home: Home) -> None:
    variables = google_variables(home, PORTS) | airflow_variables(home, PORTS, KEYS, DAGS)
    write_environment_file(variables, home)
    shell = sourced(home)
    assert {name: shell[name] for name in variables} == variables
    assert shell["NO_PROXY"] == "localhost,127.0.0.1"
    assert shell["PATH"].endswith("/usr/bin:/bin")


def test_environment_file_holds_keys_so_only_the_owner_reads_it(home: Home) -> None:
    write_environment_file({}, home)
    assert home.environment_file.stat().st_mode & 0o077 == 0


def test_environment_file_leaves_the_mark_out_so_that_down_spares_the_shell(home: Home) -> None:
    write_environment_file(perennial_variables(home, PORTS), home)
    assert STACK_VARIABLE not in sourced(home)
    assert process_environment({}, home)[STACK_VARIABLE] == home.stack_id


def test_airflow_connection_points_every_client_at_the_emulator(home: Home) -> None:
    variables = airflow_variables(home, PORTS, KEYS, DAGS)
    extra = json.loads(variables["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"])["extra"]
    assert extra["is_anonymous"] is True
    assert {
        extra[f"{service}_endpoint"].rsplit(":", 1)[1] for service in ("vertex_ai", "dataflow", "logging")
    } == {"1002"}


def test_process_environment_keeps_a_proxy_away_from_loopback(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert process_environment({}, home)["NO_PROXY"] == "example.com,localhost,127.0.0.1"
