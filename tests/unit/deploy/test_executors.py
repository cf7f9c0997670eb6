"""Executors of the deployments: the locked packages import them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[3]
IMPORT = """
import pkgutil, sys
from airflow.executors.executor_loader import ExecutorLoader
pkgutil.resolve_name(ExecutorLoader.executors[sys.argv[1]])
"""


def kubernetes() -> str:
    values = yaml.safe_load((CHECKOUT / "deploy" / "helm" / "values.yaml").read_text())
    executor: str = values["executor"]
    return executor


@pytest.mark.parametrize("name", ["CeleryExecutor", kubernetes()])
def test_executor_of_a_provider_is_imported(name: str, tmp_path: Path) -> None:
    # In a process of its own: both configure what they import.
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
