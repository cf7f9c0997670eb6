"""Properties of docker-compose.yaml that need no container engine."""

from __future__ import annotations

import re
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

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def env_example() -> dict[str, str]:
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_compose_has_the_services_of_a_server() -> None:
    assert set(LONG_RUNNING) == {
        "api-server", "dag-processor", "emulator", "network", "postgres", "scheduler", "tensorboard",
        "triggerer",
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
    if name not in {"network", "postgres"}:
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
    met = {name for name in laptop if name.removeprefix("AIRFLOW__").startswith(sections)}
    met.add("AIRFLOW__CORE__EXECUTOR")
    assert len(met) > 8
    assert {name: environment[name] for name in met} == {name: laptop[name] for name in met}
