from pathlib import Path

import pytest

from local.home import CHECKOUT, Home


def test_at_without_a_folder_takes_the_variable_then_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    assert Home.at().root == tmp_path
    monkeypatch.delenv("PERENNIAL_HOME")
    assert Home.at().root == CHECKOUT / ".local"


def test_socket_of_a_long_path_is_short_and_private(tmp_path: Path) -> None:
    home = Home.at(tmp_path / ("deep" * 25))
    home.create()
    assert len(str(home.socket)) < 100
    assert home.socket.parent.stat().st_mode & 0o077 == 0
    home.socket.parent.rmdir()


def test_stack_id_differs_between_homes(tmp_path: Path) -> None:
    assert Home.at(tmp_path / "a").stack_id != Home.at(tmp_path / "b").stack_id
