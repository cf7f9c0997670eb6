from emulator.config import Config


def test_child_environment_points_clients_here(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH_OF_TEST", "kept")
    environment = Config(tmp_path, 9023).child_environment("some-project")
    assert environment["PATH_OF_TEST"] == "kept"
    assert environment["GCS_MOUNT"] == str(tmp_path / "buckets")
    assert environment["STORAGE_EMULATOR_HOST"] == "http://localhost:9023"
    assert environment["GOOGLE_APPLICATION_CREDENTIALS"] == str(tmp_path / "credentials.json")
    assert environment["GOOGLE_CLOUD_PROJECT"] == "some-project"
