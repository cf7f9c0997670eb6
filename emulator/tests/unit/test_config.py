import json

from google.oauth2 import service_account

from emulator.config import Config, write_credentials


def test_child_environment_points_clients_here(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH_OF_TEST", "kept")
    environment = Config(tmp_path, 9023).child_environment("some-project")
    assert environment["PATH_OF_TEST"] == "kept"
    assert environment["GCS_MOUNT"] == str(tmp_path / "buckets")
    assert environment["STORAGE_EMULATOR_HOST"] == "http://localhost:9023"
    assert environment["GOOGLE_APPLICATION_CREDENTIALS"] == str(tmp_path / "credentials.json")
    assert environment["GOOGLE_CLOUD_PROJECT"] == "some-project"


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
