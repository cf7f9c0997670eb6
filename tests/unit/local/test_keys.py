from pathlib import Path

from cryptography.fernet import Fernet

from local.keys import Keys


def test_load_draws_once_and_only_the_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = Keys.load(file)
    assert Keys.load(file) == keys
    assert file.stat().st_mode & 0o077 == 0
    Fernet(keys.fernet_key)


def test_load_in_another_home_draws_other_keys(tmp_path: Path) -> None:
    assert Keys.load(tmp_path / "a.json") != Keys.load(tmp_path / "b.json")
