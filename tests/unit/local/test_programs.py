"""Images as packages, or as images where they have been built."""

import stat
from pathlib import Path

import pytest

from local.programs import image_flags

CUSTOM = "perennial/autoencoder=trainer.task"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `docker` that prints what the file beside it holds, and no other container runtime."""
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n/bin/cat {tmp_path}/images\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "images").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_image_flags_without_a_container_runtime_run_every_image_as_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert CUSTOM in list(image_flags())


def test_image_flags_where_an_image_is_not_built_run_it_as_a_package(docker: Path) -> None:
    assert CUSTOM in list(image_flags())
    asked = (docker / "asked").read_text()
    assert "reference=us-central1-docker.pkg.dev/perennial-local/perennial/autoencoder" in asked


def test_image_flags_where_an_image_is_built_leave_it_to_the_runtime(docker: Path) -> None:
    (docker / "images").write_text("0bd122ef0da6\n")
    flags = list(image_flags())
    assert CUSTOM not in flags
    assert "perennial/trainer=trainer.task" in flags
