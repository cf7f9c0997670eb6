"""A job's own packages come into its folder, and only what is missing besides."""

import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
import uv

from emulator.dataflow.packages import InstallError, install_packages

PYPROJECT = """\
[project]
name = "{name}"
version = "{version}"
dependencies = {dependencies}

[build-system]
requires = ["uv_build"]
build-backend = "uv_build"
"""


def build(folder: Path, name: str, *, version: str = "1.0.0", dependencies: list[str] | None = None) -> Path:
    source = folder / f"{name}-source"
    (source / "src" / name).mkdir(parents=True)
    (source / "src" / name / "__init__.py").write_text(f"NAME = {name!r}\n")
    (source / "pyproject.toml").write_text(
        PYPROJECT.format(name=name, version=version, dependencies=dependencies or [])
    )
    staged = folder / "staged"
    staged.mkdir(exist_ok=True)
    subprocess.run(
        [uv.find_uv_bin(), "build", "--sdist", "--quiet", "--out-dir", str(staged), str(source)], check=True
    )
    return staged / f"{name}-{version}.tar.gz"


def stage_extra_packages(*sdists: Path) -> Path:
    staged = sdists[0].parent
    (staged / "extra_packages.txt").write_text("".join(f"{sdist.name}\n" for sdist in sdists))
    return staged


def installed(target: Path) -> dict[str, str]:
    return {dist.name: dist.version for dist in distributions(path=[str(target)])}


def test_install_packages_with_extra_package_installs_it_without_what_is_there(tmp_path: Path) -> None:
    staged = stage_extra_packages(build(tmp_path, "tiny_words", dependencies=["packaging>=1"]))
    target = tmp_path / "packages"

    assert install_packages(staged, target) == 1
    assert installed(target) == {"tiny_words": "1.0.0"}
    assert (target / "tiny_words" / "__init__.py").exists()


@pytest.mark.parametrize("name", ["../outside.tar.gz", "/etc/passwd", "-r", "missing.tar.gz"])
def test_install_packages_listing_what_was_not_staged_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "staged").mkdir()
    (tmp_path / "outside.tar.gz").touch()
    (tmp_path / "staged" / "extra_packages.txt").write_text(f"{name}\n")

    with pytest.raises(InstallError, match=f"expected names of staged files, received '{name}'"):
        install_packages(tmp_path / "staged", tmp_path / "packages")


def test_install_packages_with_missing_requirement_finds_it_among_the_staged(tmp_path: Path) -> None:
    build(tmp_path, "tiny_letters")
    staged = stage_extra_packages(build(tmp_path, "tiny_words", dependencies=["tiny_letters>=1"]))

    assert install_packages(staged, tmp_path / "packages") == 2
    assert set(installed(tmp_path / "packages")) == {"tiny_words", "tiny_letters"}


def test_install_packages_with_workflow_and_requirements_installs_both(tmp_path: Path) -> None:
    build(tmp_path, "tiny_letters")
    staged = tmp_path / "staged"
    build(tmp_path, "tiny_flow").rename(staged / "workflow.tar.gz")
    (staged / "requirements.txt").write_text("tiny_letters==1.0.0\n")

    assert install_packages(staged, tmp_path / "packages") == 2


def test_install_packages_with_nothing_staged_installs_nothing(tmp_path: Path) -> None:
    (tmp_path / "staged").mkdir()

    assert install_packages(tmp_path / "staged", tmp_path / "packages") == 0


def test_install_packages_with_broken_sdist_says_what_the_installer_said(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "broken-1.0.0.tar.gz").write_bytes(b"no archive")
    (staged / "extra_packages.txt").write_text("broken-1.0.0.tar.gz\n")

    with pytest.raises(InstallError, match=r"broken-1\.0\.0\.tar\.gz: "):
        install_packages(staged, tmp_path / "packages")


def test_install_packages_with_another_beam_is_refused(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "dataflow_python_sdk.tar").write_bytes(b"")

    with pytest.raises(InstallError, match=r"--sdk_location: .* received dataflow_python_sdk\.tar"):
        install_packages(staged, tmp_path / "packages")
