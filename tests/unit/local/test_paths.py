from pathlib import Path

import pytest

from local.paths import CHECKOUT, StackPaths


def test_at_without_a_folder_takes_the_variable_then_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    assert StackPaths.at().root == tmp_path
    monkeypatch.delenv("PERENNIAL_HOME")
    assert StackPaths.at().root == CHECKOUT / ".local"


def test_socket_of_a_long_path_is_short_and_private(tmp_path: Path) -> None:
    paths = StackPaths.at(tmp_path / ("deep" * 25))
    paths.create()
    assert len(str(paths.socket)) < 100
    assert paths.socket.parent.stat().st_mode & 0o077 == 0
    paths.socket.parent.rmdir()


def test_stack_id_differs_between_folders(tmp_path: Path) -> None:
    assert StackPaths.at(tmp_path / "a").stack_id != StackPaths.at(tmp_path / "b").stack_id
