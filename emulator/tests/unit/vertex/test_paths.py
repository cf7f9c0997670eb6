from pathlib import Path

import pytest

from emulator.config import Config
from emulator.errors import InvalidArgument
from emulator.vertex.paths import Artifacts, check_uri, child_path, remove_child

NO_NAMES = ["", ".", "..", "../x", "a/b", "a/", "/some/folder", "a\0b"]
NO_URIS = ["", "/etc", "gs:b/x", "gs://", "gs://../x", "gs://b/../../x", "gs:///etc", "gs://b//x"]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a file, beside the folder `root`."""
    (tmp_path / "root").mkdir()
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "file").touch()
    return folder


def test_child_path_is_below_its_folder(tmp_path: Path) -> None:
    assert child_path(tmp_path, "7") == tmp_path / "7"


@pytest.mark.parametrize("name", NO_NAMES)
def test_child_path_of_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgument, match="expected the name"):
        child_path(tmp_path, name)


def test_child_path_of_a_link_that_leads_out_is_refused(outside: Path) -> None:
    root = outside.parent / "root"
    (root / "link").symlink_to(outside)
    with pytest.raises(InvalidArgument, match="link"):
        child_path(root, "link")


def test_remove_child_removes_a_folder_and_follows_no_link(outside: Path) -> None:
    root = outside.parent / "root"
    (root / "7").mkdir()
    (root / "7" / "link").symlink_to(outside)
    (root / "8").symlink_to(outside)
    remove_child(root, "7")
    remove_child(root, "8")
    remove_child(root, "9")
    assert list(root.iterdir()) == []
    assert (outside / "file").exists()


def test_remove_child_touches_nothing_outside(outside: Path) -> None:
    for name in ("../outside", str(outside), "..", ""):
        with pytest.raises(InvalidArgument):
            remove_child(outside.parent / "root", name)
    assert (outside / "file").exists()


@pytest.mark.parametrize("uri", NO_URIS)
def test_check_uri_of_another_form_is_refused(uri: str) -> None:
    with pytest.raises(InvalidArgument, match="artifact_uri"):
        check_uri(uri, "artifact_uri")


@pytest.mark.parametrize("uri", ["gs://b", "gs://b/", "gs://b/a/x", "gs://b/a/"])
def test_check_uri_takes_buckets_folders_and_objects(uri: str) -> None:
    check_uri(uri, "artifact_uri")


def test_path_is_the_file_of_the_object(tmp_path: Path) -> None:
    config = Config(tmp_path, 0)
    assert Artifacts(config).path("gs://b/a/x", "field") == config.buckets / "b" / "a" / "x"


@pytest.mark.parametrize("uri", NO_URIS)
def test_path_of_another_uri_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InvalidArgument, match="artifact_uri"):
        Artifacts(Config(tmp_path, 0)).path(uri, "artifact_uri")


def test_path_of_a_link_that_leads_out_is_refused(outside: Path) -> None:
    config = Config(outside.parent / "root", 0)
    config.buckets.mkdir()
    (config.buckets / "b").symlink_to(outside)
    with pytest.raises(InvalidArgument, match="artifact_uri"):
        Artifacts(config).path("gs://b/file", "artifact_uri")


def test_check_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    config = Config(tmp_path, 0)
    artifacts = Artifacts(config)
    with pytest.raises(InvalidArgument, match="a folder with objects"):
        artifacts.check_folder("gs://b/model", "artifact_uri")
    (config.buckets / "b" / "model").mkdir(parents=True)
    (config.buckets / "b" / "model" / "weights").touch()
    artifacts.check_folder("gs://b/model/", "artifact_uri")
