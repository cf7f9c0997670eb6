from pathlib import Path

import pytest

from emulator.config import Config
from emulator.errors import InvalidArgument
from emulator.vertex.artifacts import Artifacts


def test_path_is_the_file_of_the_object(tmp_path: Path) -> None:
    config = Config(tmp_path, 0)
    assert Artifacts(config).path("gs://b/a/x", "field") == config.buckets / "b" / "a" / "x"


@pytest.mark.parametrize("uri", ["", "/etc", "gs://", "gs://../x", "gs://b/../../x"])
def test_path_of_another_uri_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InvalidArgument, match="artifact_uri"):
        Artifacts(Config(tmp_path, 0)).path(uri, "artifact_uri")


def test_check_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    config = Config(tmp_path, 0)
    artifacts = Artifacts(config)
    with pytest.raises(InvalidArgument, match="a folder with objects"):
        artifacts.check_folder("gs://b/model", "artifact_uri")
    (config.buckets / "b" / "model").mkdir(parents=True)
    (config.buckets / "b" / "model" / "weights").touch()
    artifacts.check_folder("gs://b/model/", "artifact_uri")
