"""The images that tests of the chain run on the emulator, and Vertex AI's clients for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vertex_client import Vertex

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def emulator_images() -> dict[str, Path]:
    """Every module in these folders is the container image `perennial-tests/<module>`."""
    folders = (CHECKOUT / "tests" / "images", CHECKOUT / "emulator" / "tests" / "images")
    return {f"perennial-tests/{module.stem}": module for folder in folders for module in folder.glob("*.py")}


@pytest.fixture(scope="session")
def emulator_arguments() -> list[str]:
    """The rights of the product's accounts: every test of the chain has them and no others."""
    return ["--accounts", str(CHECKOUT / "infra" / "permissions.toml")]


@pytest.fixture(scope="session")
def vertex_of() -> Callable[[Any, str], Vertex]:
    """Makes the clients of an emulator for a project."""
    return Vertex


@pytest.fixture(scope="session")
def airflow_connection() -> Callable[..., str]:
    """Makes Airflow's connection to an emulator, a variable's value; further extras are given by name."""

    def connection(emulator: Any, **extra: str) -> str:
        known = {
            "key_path": str(emulator.key_file("perennial-airflow")),
            "iam_credentials_endpoint": emulator.url,
            "project_endpoint": emulator.url,
        }
        return json.dumps({"conn_type": "google_cloud_platform", "extra": {**known, **extra}})

    return connection
