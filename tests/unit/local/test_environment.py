import json
import shlex
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from local.environment import (
    STACK_VARIABLE,
    Secrets,
    airflow_variables,
    client_environment,
    google_variables,
    owner_variables,
    perennial_variables,
    process_environment,
    write_environment_file,
)
from local.paths import DAGS, StackPaths
from local.ports import Ports

PORTS = Ports(airflow=1001, execution=1004, emulator=1002, tensorboard=1003)
SECRETS = Secrets(jwt_secret="jwt", api_secret_key="api", fernet_key="fernet")


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    paths = StackPaths.at(tmp_path / "it's here")
    paths.create()
    return paths


def sourced(paths: StackPaths) -> dict[str, str]:
    completed = subprocess.run(
        ["env", "-i", "PATH=/usr/bin:/bin", "sh", "-c", '. "$0" && env -0', str(paths.environment_file)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in completed.stdout.split("\0") if line)


def test_environment_file_sourced_gives_exactly_the_variables(paths: StackPaths) -> None:
    variables = google_variables(PORTS) | airflow_variables(paths, PORTS, SECRETS, DAGS)
    write_environment_file(variables, paths)
    shell = sourced(paths)
    assert {name: shell[name] for name in variables} == variables
    assert shell["NO_PROXY"] == "localhost,127.0.0.1"
    assert shell["PATH"].endswith("/usr/bin:/bin")


def test_environment_file_holds_keys_so_only_the_owner_reads_it(paths: StackPaths) -> None:
    write_environment_file({}, paths)
    assert paths.environment_file.stat().st_mode & 0o077 == 0


def test_environment_file_leaves_the_stack_id_out_so_that_down_spares_the_shell(paths: StackPaths) -> None:
    write_environment_file(perennial_variables(paths, PORTS), paths)
    assert STACK_VARIABLE not in sourced(paths)
    assert STACK_VARIABLE not in client_environment({})
    assert process_environment({}, paths)[STACK_VARIABLE] == paths.stack_id


def test_airflow_connection_points_every_client_at_the_emulator(paths: StackPaths) -> None:
    variables = airflow_variables(paths, PORTS, SECRETS, DAGS)
    extra = json.loads(variables["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"])["extra"]
    assert extra["key_path"] == str(paths.key_file("perennial-airflow"))
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in variables | google_variables(PORTS)
    assert {
        extra[f"{service}_endpoint"].rsplit(":", 1)[1]
        for service in ("vertex_ai", "dataflow", "logging", "iam_credentials")
    } == {"1002"}


def test_owner_is_logged_in_by_a_key_of_the_emulator(paths: StackPaths) -> None:
    variables = owner_variables(paths, PORTS)
    key = str(paths.key_file("owner"))
    assert variables["GOOGLE_APPLICATION_CREDENTIALS"] == key
    assert variables["CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"] == key
    assert variables["CLOUDSDK_AUTH_TOKEN_HOST"] == f"{PORTS.emulator_url}/token"


def test_process_environment_keeps_a_proxy_away_from_loopback(
    paths: StackPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert process_environment({}, paths)["NO_PROXY"] == "example.com,localhost,127.0.0.1"


def test_source_hint_starts_this_very_stack(paths: StackPaths) -> None:
    hint = perennial_variables(paths, PORTS)["PERENNIAL_SOURCE_HINT"]
    program, *arguments = shlex.split(hint.partition(": ")[2])
    assert Path(program).name == "perennial"
    assert arguments == ["--home", str(paths.root), "up"]


def test_load_secrets_generates_them_once_and_only_the_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    secrets = Secrets.load(file)
    assert Secrets.load(file) == secrets
    assert file.stat().st_mode & 0o077 == 0
    Fernet(secrets.fernet_key)


def test_load_secrets_of_another_stack_generates_others(tmp_path: Path) -> None:
    assert Secrets.load(tmp_path / "a.json") != Secrets.load(tmp_path / "b.json")
