import json

from emulator.config import Config


def test_child_environment_points_clients_here(tmp_path, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://elsewhere")
    environment = Config(tmp_path, 9023).child_environment("some-project")
    assert environment["STORAGE_EMULATOR_HOST"] == "http://localhost:9023"
    assert environment["GOOGLE_CLOUD_PROJECT"] == "some-project"
    assert environment["GCS_MOUNT"] == str(tmp_path / "buckets")
    assert environment["GOOGLE_APPLICATION_CREDENTIALS"] == str(tmp_path / "keys" / "1-compute.json")


def test_child_environment_names_the_key_of_its_account(tmp_path):
    config = Config(tmp_path, 9023)
    account = "owner@perennial-local.iam.gserviceaccount.com"
    key = json.loads((config.accounts() and config.owner_key).read_text())
    assert config.child_environment("p", account)["GOOGLE_APPLICATION_CREDENTIALS"] == str(config.owner_key)
    assert (key["client_email"], key["token_uri"]) == (account, "http://localhost:9023/token")
