"""The wheels in an environment with the packages of Composer's newest build, on its Python.

https://docs.cloud.google.com/composer/docs/versions-packages
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import uv

from retraining_chain import picture

CHECKOUT = Path(__file__).parents[3]
CONSTRAINTS = CHECKOUT / "deploy" / "composer" / "composer-3-airflow-3.3.1-build.0.txt"
PYTHON = "3.11"
BEAM = version("apache-beam")
"""That of our lock: Composer's environment has another."""
WHEELS = ("perennial-contract", "perennial-preprocessing", "perennial-retraining")

# Composer's scheduler and triggerer have no plugins folder: https://cloud.google.com/composer/docs/composer-3/install-plugins
PARSE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import get_import_errors
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1])
for dag in bag.dags.values():
    DagSerialization.from_dict(DagSerialization.to_dict(dag))
print(json.dumps({"dags": sorted(bag.dags), "errors": bag.import_errors, "plugins": get_import_errors()}))
"""
IMPORTS = """
import retraining.notifications, retraining.triggers
print(retraining.triggers.__file__)
"""
CONVERT = """
import json
from retraining.operators.convert import ConvertToTFRecordOperator
from retraining_chain import SNAPSHOT, SPEC, DagRun, TaskInstance
operator = ConvertToTFRecordOperator(task_id="convert_to_tfrecord", spec=SPEC, snapshot=SNAPSHOT)
result = operator.execute({"dag_run": DagRun(), "params": {"promote": True}, "ti": TaskInstance()})
print(json.dumps(result))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def run_uv(*arguments: str | Path, folder: Path = CHECKOUT) -> str:
    done = subprocess.run(
        [uv.find_uv_bin(), *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for package in WHEELS:
        run_uv("build", "--quiet", "--wheel", "--package", package, "--out-dir", folder)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def resolved(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages that an environment has with our wheels, as uv resolves them under Composer's.

    Away from the checkout, whose settings leave packages out that Composer has.
    """
    folder = tmp_path_factory.mktemp("resolved")
    (folder / "wheels.txt").write_text("".join(f"{wheel}\n" for wheel in wheels))
    found = folder / "resolved.txt"
    run_uv(
        "pip", "compile", "--quiet", "--no-annotate", "--python-version", PYTHON,
        "--constraints", CONSTRAINTS, folder / "wheels.txt", "--output-file", found, folder=folder,
    )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def python(resolved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of such an environment, without our source folders."""
    folder = tmp_path_factory.mktemp("composer")
    interpreter = folder / "venv" / "bin" / "python"
    run_uv("venv", "--quiet", "--python", PYTHON, folder / "venv")
    run_uv("pip", "install", "--quiet", "--python", interpreter, "--requirements", resolved, folder=folder)
    run_uv("pip", "check", "--quiet", "--python", interpreter, folder=folder)
    return interpreter


def run(python: Path, script: str, *arguments: Path, **variables: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-c", script, *arguments],
        env={**inherited, **variables}, cwd=python.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


def test_wheels_resolve_under_composers_packages_and_change_none(resolved: Path) -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", CONSTRAINTS.read_text(), flags=re.MULTILINE))
    found = dict(re.findall(r"^([\w.-]+)==(\S+)$", resolved.read_text(), flags=re.MULTILINE))
    assert found["apache-airflow"] == "3.3.1"
    assert len(found) > 200
    assert {name: version for name, version in found.items() if pins.get(name, version) != version} == {}
    assert len([line for line in resolved.read_text().splitlines() if line.endswith(".whl")]) == 3


@pytest.mark.parametrize("plugins", ["", "retraining_plugin.py"])
def test_dags_parse_with_and_without_the_plugin_file(python: Path, tmp_path: Path, plugins: str) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    if plugins:
        (folder / plugins).write_bytes((CHECKOUT / "plugins" / plugins).read_bytes())
    parsed = json.loads(
        run(
            python,
            PARSE,
            CHECKOUT / "dags",
            AIRFLOW_HOME=str(tmp_path),
            AIRFLOW__CORE__PLUGINS_FOLDER=str(folder),
            AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE="False",
        )
    )
    assert parsed["errors"] == {}
    assert parsed["plugins"] == {}
    assert len(parsed["dags"]) == len(list((CHECKOUT / "dags").glob("*.py")))


def test_triggers_and_callbacks_are_imported_from_the_wheel(python: Path, tmp_path: Path) -> None:
    found = run(
        python, IMPORTS, AIRFLOW_HOME=str(tmp_path), AIRFLOW__CORE__PLUGINS_FOLDER=str(tmp_path / "none")
    )
    assert Path(found).is_relative_to(python.parent.parent)


def test_conversion_runs_by_the_locked_interpreter_of_the_guide(
    python: Path, wheels: list[Path], chain: Any, packages: Path, tmp_path: Path
) -> None:
    locked = tmp_path / "conversion.txt"
    run_uv(
        "export", "--quiet", "--frozen", "--no-dev", "--package", "perennial-preprocessing",
        "--no-emit-workspace", "--output-file", locked,
    )  # fmt: skip
    for wheel in wheels:
        if "retraining" not in wheel.name:
            locked.write_text(f"{locked.read_text()}{wheel.name.split('-')[0]} @ file://{wheel}\n")
    launcher = f"{uv.find_uv_bin()} run --no-project --isolated --python {PYTHON}"
    command = f"{launcher} --with-requirements {locked} python"
    infrastructure = tmp_path / "infrastructure.toml"
    infrastructure.write_text(f'[dataflow]\npython = "{command}"\n')
    chain.fill([picture(number) for number in range(20)])
    result = json.loads(
        run(
            python,
            CONVERT,
            AIRFLOW_HOME=str(tmp_path),
            PERENNIAL_INFRASTRUCTURE_FILE=str(infrastructure),
            PERENNIAL_PACKAGES=str(packages),
            PYTHONPATH=str(CHECKOUT / "tests" / "support"),
        )
    )
    assert result["converted"]
    assert sum(result["records"].values()) == 20
    job = json.loads((chain.emulator.root / "jobs" / result["job"] / "job.json").read_text())
    assert job["environment"]["userAgent"]["version"] == BEAM
