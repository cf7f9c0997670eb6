"""Properties of docker-compose.yaml and compose.cloud.yaml that need no container engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.environment import Secrets, airflow_variables
from local.paths import StackPaths
from local.ports import Ports

CHECKOUT = Path(__file__).parents[3]
TEXT = (CHECKOUT / "docker-compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
ONCE = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
LONG_RUNNING = sorted(SERVICES.keys() - ONCE)

COMPOSE = Path(sys.executable).with_name("docker-compose")
AIRFLOW = {"api-server", "dag-processor", "scheduler", "triggerer"}
EMULATED = {"bucket", "emulator", "samples", "tensorboard"}

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def env_example() -> dict[str, str]:
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_compose_has_the_services_of_a_server() -> None:
    assert set(LONG_RUNNING) == {
        "api-server", "dag-processor", "emulator", "network", "postgres", "redis", "scheduler", "tensorboard",
        "triggerer", "worker",
    }  # fmt: skip
    assert {"airflow-init", "bucket", "samples"} == ONCE


@every_service
def test_service_image_is_pinned_to_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", SERVICES[name]["image"])


@every_service
def test_service_runs_without_root_and_without_capabilities(name: str) -> None:
    service = SERVICES[name]
    assert int(service["user"].split(":")[0]) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_long_running_service_has_a_health_check_and_restarts(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


@every_service
def test_published_port_is_on_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


@every_service
def test_service_shares_the_network_that_has_the_ports(name: str) -> None:
    if name not in {"network", "postgres", "redis"}:
        assert SERVICES[name]["network_mode"] == "service:network"
        assert "ports" not in SERVICES[name]


@every_service
def test_folder_of_the_checkout_is_mounted_read_only(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        if volume.startswith("."):
            assert volume.endswith(":ro"), volume
            assert (CHECKOUT / volume.split(":")[0]).is_dir()


@every_service
def test_service_waits_for_healthy_or_finished_ones(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
        assert how["condition"] == wanted, f"{name} waits for {other}"


def test_every_variable_is_in_env_example() -> None:
    # "$$" is a dollar sign for the container.
    used = set(re.findall(r"(?<!\$)\$\{?(\w+)", TEXT))
    assert used == set(env_example())


def test_env_example_holds_no_secret_and_compose_demands_one() -> None:
    empty = {name for name, value in env_example().items() if not value}
    secrets = {name for name in env_example() if re.search("PASSWORD|SECRET|KEY", name)}
    assert empty == secrets
    for name in secrets:
        assert not re.search(rf"\$\{{{name}(?!:\?)", TEXT), f"{name} is used without a check that it is set"


def test_settings_that_a_kill_meets_are_those_of_the_laptop(tmp_path: Path) -> None:
    environment = SERVICES["scheduler"]["environment"]
    ports = Ports(airflow=1, execution=2, emulator=3, tensorboard=4)
    keys = Secrets(jwt_secret="j", api_secret_key="a", fernet_key="f")
    laptop = airflow_variables(StackPaths.at(tmp_path), ports, keys, tmp_path)
    sections = ("SCHEDULER", "TRIGGERER", "WORKERS")
    environment = {**environment, "AIRFLOW__CORE__EXECUTOR": env_example()["AIRFLOW_EXECUTOR"]}
    met = {name for name in laptop if name.removeprefix("AIRFLOW__").startswith(sections)}
    met.add("AIRFLOW__CORE__EXECUTOR")
    met.remove("AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME")  # here the executor can be Celery's, too
    assert len(met) > 8
    assert {name: environment[name] for name in met} == {name: laptop[name] for name in met}


@every_service
def test_service_has_limits_and_its_log_an_end(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout's compose files, with what a deployment adds."""
    folder = tmp_path_factory.mktemp("compose")
    for name in ("docker-compose.yaml", "compose.cloud.yaml"):
        (folder / name).write_bytes((CHECKOUT / name).read_bytes())
    filled = [f"{name}={value or 'x'}\n" for name, value in env_example().items()]
    (folder / ".env").write_text("".join(filled))
    (folder / "perennial.env").write_text("PERENNIAL_BUCKET=real\nPERENNIAL_PROJECT=team\n")
    (folder / "infrastructure.toml").write_text("")
    return folder


def resolved(folder: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """The services as Compose itself reads them: it exits with an error if a file isn't valid."""
    done = subprocess.run(
        [COMPOSE, *arguments, "config", "--format", "json"],
        cwd=folder, env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    services: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    return services


def test_without_a_profile_there_is_no_broker(folder: Path) -> None:
    found = resolved(folder)
    assert SERVICES.keys() - found.keys() == {"redis", "worker"}
    assert found["scheduler"]["environment"]["AIRFLOW__CORE__EXECUTOR"].startswith("enduring_executor.")


def test_celery_profile_has_a_broker_and_a_worker(folder: Path) -> None:
    found = resolved(folder, "--profile", "celery")
    assert found.keys() == SERVICES.keys()
    worker, scheduler = found["worker"], found["scheduler"]
    assert worker["environment"] == scheduler["environment"]
    assert worker["volumes"] == scheduler["volumes"]
    assert worker["environment"]["AIRFLOW__CELERY__BROKER_URL"] == "redis://:x@redis:6379/0"
    # Otherwise tasks would wait in the broker for longer than one may be queued.
    concurrency = worker["environment"]["AIRFLOW__CELERY__WORKER_CONCURRENCY"]
    assert concurrency == worker["environment"]["AIRFLOW__CORE__PARALLELISM"]


@pytest.mark.parametrize("profiles", [[], ["--profile", "celery"]])
def test_cloud_has_airflow_alone_with_nothing_of_the_emulator(folder: Path, profiles: list[str]) -> None:
    files = ["-f", "docker-compose.yaml", "-f", "compose.cloud.yaml"]
    found = resolved(folder, *files, *profiles)
    added = {"redis", "worker"} if profiles else set()
    assert found.keys() == AIRFLOW | {"airflow-init", "network", "postgres"} | added
    for name in AIRFLOW | (added - {"redis"}):
        environment = found[name]["environment"]
        emulated = {key: value for key, value in environment.items() if "9023" in str(value)}
        assert not emulated, name
        assert not {"NO_GCE_CHECK", "STORAGE_EMULATOR_HOST"} & environment.keys()
        settings = {key: value for key, value in environment.items() if key.startswith("PERENNIAL_")}
        assert settings == {
            "PERENNIAL_BUCKET": "real", "PERENNIAL_PROJECT": "team", "PERENNIAL_SOURCE_PREFIXES": "gs://",
        }  # fmt: skip
        targets = {volume["target"] for volume in found[name]["volumes"]}
        assert "/etc/perennial/infrastructure.toml" in targets
        assert not [target for target in targets if target.startswith("/var/lib/perennial")]
        assert not EMULATED & found[name]["depends_on"].keys()
    (port,) = found["network"]["ports"]
    assert (port["host_ip"], port["target"]) == ("127.0.0.1", 8080)


def test_cloud_without_the_outputs_of_infra_names_the_file_that_is_missing(folder: Path) -> None:
    command = [COMPOSE, "-f", "docker-compose.yaml", "-f", "compose.cloud.yaml", "config", "--quiet"]
    (folder / "perennial.env").rename(folder / "away")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    (folder / "away").rename(folder / "perennial.env")
    assert done.returncode == 1
    assert "perennial.env not found" in done.stderr
