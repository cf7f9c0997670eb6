"""The version of a push, and what it refuses before it asks anybody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local import StackError, push
from local.__main__ import app


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit."""
    for command in (
        ["init", "--quiet"],
        ["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "One"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(push, "CHECKOUT", tmp_path)
    return tmp_path


def version(**options: Any) -> str:
    return push.Push(push.Options(**options), environment={}).version


def test_version_is_the_commit(checkout: Path) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout
    assert version() == head[:12]
    assert version(with_changes=True) == head[:12]


def test_working_tree_with_changes_is_refused_or_marked(checkout: Path) -> None:
    (checkout / "new").touch()
    with pytest.raises(StackError, match="--dirty"):
        version()
    assert version(with_changes=True).endswith("-dirty")


def test_git_settings_hide_no_untracked_file(checkout: Path) -> None:
    subprocess.run(["git", "config", "status.showUntrackedFiles", "no"], cwd=checkout, check=True)
    (checkout / "new").touch()
    with pytest.raises(StackError, match="--dirty"):
        version()


def test_failure_of_preflight_itself_is_shown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = {"PERENNIAL_BUCKET": "b", "PERENNIAL_PROJECT": "p", "PERENNIAL_REGION": "r"}
    broken = "import sys; sys.exit('RuntimeError: of a DAG file')"
    monkeypatch.setattr(push.module_runner, "command", lambda *_: [sys.executable, "-c", broken])
    with pytest.raises(StackError, match="preflight ended with status 1: RuntimeError: of a DAG file"):
        push.Push(push.Options(images=()), environment=described).run()


def test_deployment_that_is_not_described_names_the_variable(checkout: Path) -> None:
    with pytest.raises(StackError, match="PERENNIAL_PROJECT: expected"):
        push.Push(push.Options(images=()), environment={}).run()


def test_unknown_image_names_those_there_are() -> None:
    with pytest.raises(StackError, match=r"--image: expected some of trainer, .*, received nonsense"):
        push.Push(push.Options(images=("nonsense",))).run()


def test_command_prints_the_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[push.Options] = []

    def run(self: push.Push) -> dict[str, str]:
        asked.append(self.options)
        return {"PERENNIAL_PACKAGES": "gs://b/packages/c/"}

    monkeypatch.setattr(push.Push, "run", run)
    result = CliRunner().invoke(app, ["cloud", "push", "--no-images", "--dry-run"])
    assert (result.exit_code, result.stdout) == (0, "PERENNIAL_PACKAGES=gs://b/packages/c/\n")
    CliRunner().invoke(app, ["cloud", "push", "--image", "serving", "--image", "beam", "--dirty"])
    CliRunner().invoke(app, ["cloud", "push"])
    assert [one.images for one in asked] == [(), ["serving", "beam"], tuple(push.IMAGES)]
    assert CliRunner().invoke(app, ["cloud", "push", "--no-images", "--image", "beam"]).exit_code == 1


def test_every_target_of_a_deployment_is_an_image() -> None:
    from tests.unit.compose.test_dockerfile import stages

    assert push.IMAGES.keys() <= stages().keys()
