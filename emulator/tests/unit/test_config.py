import pytest

from emulator.config import Config


@pytest.fixture
def config(tmp_path):
    return Config(tmp_path, 9023)


def test_job_environment_points_clients_here_and_keeps_what_else_there_is(config, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://elsewhere")
    monkeypatch.setenv("PATH_OF_TEST", "kept")
    environment = config.job_environment("some-project", "")
    assert environment["STORAGE_EMULATOR_HOST"] == "http://localhost:9023"
    assert environment["GOOGLE_CLOUD_PROJECT"] == "some-project"
    assert environment["GCS_MOUNT"] == str(config.buckets)
    assert environment["PATH_OF_TEST"] == "kept"


def test_job_environment_has_the_login_of_its_account_alone(config, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/somebody.json")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/home/somebody/.config/gcloud")
    first, second = (config.job_environment("p", account) for account in ("a@p", "b@p"))
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in first
    assert "NO_GCE_CHECK" not in first
    assert not list(config.root.joinpath(first["CLOUDSDK_CONFIG"]).iterdir())
    assert first["GCE_METADATA_HOST"] != second["GCE_METADATA_HOST"]
