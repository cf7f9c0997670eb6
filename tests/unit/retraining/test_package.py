"""The package as a wheel, for an Airflow that gives `plugins/` to neither scheduler nor triggerer.

https://cloud.google.com/composer/docs/composer-3/install-plugins
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[3]
IMPORTS = """
import sys
from pathlib import Path
import retraining.dag, retraining.notifications, retraining.triggers
from retraining.tiers import load_tiers
root = Path(sys.argv[1])
assert all(Path(module.__file__).is_relative_to(root) for module in (retraining, retraining.triggers))
assert load_tiers()
print(*(str(path.relative_to(root)) for path in root.rglob("*") if path.suffix == ".html"))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as pip would lay it out."""
    folder = tmp_path_factory.mktemp("wheel")
    command: Sequence[str] = ["build", "--quiet", "--wheel", "--package", "perennial-retraining"]
    subprocess.run([uv.find_uv_bin(), *command, "--out-dir", str(folder)], cwd=CHECKOUT, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_wheel_has_the_dag_triggers_and_callbacks_without_the_plugins_folder(
    installed: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(installed)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed), "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sources = {str(path.relative_to(CHECKOUT / "plugins")) for path in (CHECKOUT / "plugins").rglob("*.html")}
    assert sources <= set(done.stdout.split())


def test_wheel_asks_for_ranges_that_an_older_airflow_of_a_service_satisfies(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info")
    requirements = [Requirement(text) for text in PathDistribution(metadata).requires or []]
    airflow = next(one for one in requirements if one.name == "apache-airflow")
    assert airflow.specifier.contains("3.3.1")
    assert not [str(one) for one in requirements if any(part.operator == "==" for part in one.specifier)]
