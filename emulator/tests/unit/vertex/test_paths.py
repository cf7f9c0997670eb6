from pathlib import Path

import pytest

from emulator.errors import InvalidArgument
from emulator.vertex.paths import (
    check_folder,
    check_folder_uri,
    check_object_uri,
    child_path,
    remove_child,
)

NO_NAMES = ["", ".", "..", "../x", "a/b", "a/", "/some/folder", "a\0b"]
NO_URIS = [
    "",
    "/etc",
    "gs:bucket/x",
    "gs://",
    "gs://../x",
    "gs://bucket/../../x",
    "gs:///etc",
    "gs://bucket//x",
]


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
def test_uris_of_another_form_are_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^output_uri_prefix: "):
        check_folder_uri(uri, "output_uri_prefix")
    with pytest.raises(InvalidArgument, match=r"^package_uris: "):
        check_object_uri(uri, "package_uris")
    with pytest.raises(InvalidArgument, match=r"^artifact_uri: "):
        check_folder(tmp_path, uri, "artifact_uri")


@pytest.mark.parametrize("uri", ["gs://bucket", "gs://bucket/", "gs://bucket/a/x", "gs://bucket/a/"])
def test_check_folder_uri_takes_buckets_and_folders(uri: str) -> None:
    check_folder_uri(uri, "output_uri_prefix")


def test_check_object_uri_takes_objects() -> None:
    check_object_uri("gs://bucket/a/x.whl", "package_uris")
    with pytest.raises(InvalidArgument, match="package_uris"):
        check_object_uri("gs://bucket", "package_uris")


def test_check_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="a folder with objects"):
        check_folder(tmp_path, "gs://bucket/model", "artifact_uri")
    (tmp_path / "bucket" / "model").mkdir(parents=True)
    (tmp_path / "bucket" / "model" / "weights").touch()
    for uri in ("gs://bucket", "gs://bucket/model", "gs://bucket/model/"):
        check_folder(tmp_path, uri, "artifact_uri")


def test_check_folder_of_a_link_that_leads_out_is_refused(outside: Path) -> None:
    bucket = outside.parent / "root" / "bucket"
    bucket.mkdir()
    (bucket / "model").symlink_to(outside)
    with pytest.raises(InvalidArgument, match="artifact_uri"):
        check_folder(bucket.parent, "gs://bucket/model", "artifact_uri")
