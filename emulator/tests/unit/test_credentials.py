import json

from google.oauth2 import service_account

from emulator.config import Config
from emulator.credentials import write_credentials


def test_write_credentials_signs_and_keeps_its_key(tmp_path):
    write_credentials(Config(tmp_path, 1))
    first = json.loads((tmp_path / "credentials.json").read_text())
    write_credentials(Config(tmp_path, 2))
    second = json.loads((tmp_path / "credentials.json").read_text())
    assert first["private_key"] == second["private_key"]
    assert second["token_uri"] == "http://localhost:2/token"
    credentials = service_account.Credentials.from_service_account_file(tmp_path / "credentials.json")
    assert credentials.sign_bytes(b"text")
    assert (tmp_path / "credentials.json").stat().st_mode & 0o077 == 0
