import pytest

from emulator.errors import InvalidArgument
from emulator.storage.names import check_bucket_name, object_path, split_uri, uri_path


@pytest.mark.parametrize("name", ["a", "..", "../x", "a/b", "UPPER", "-ab", "a..b", ""])
def test_check_bucket_name_refuses(name):
    with pytest.raises(InvalidArgument, match="Invalid bucket name"):
        check_bucket_name(name)


@pytest.mark.parametrize(
    "name", ["", "/", "/a", "a//b", "..", "a/..", "./a", "a\0b", "a\nb", "é" * 600, "x" * 300, "\ud800"]
)
def test_object_path_refuses(tmp_path, name):
    with pytest.raises(InvalidArgument, match="Object name"):
        object_path(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "a/b", "...", ".hidden", "a b/ü", "folder/"])
def test_object_path_is_inside_the_bucket(tmp_path, name):
    assert object_path(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "uri",
    ["", "bkt/a", "/bkt/a", "gs://", "gs://bkt", "gs://bkt/", "gs:///a", "gs://../a", "gs://bkt/../a", "gs://bkt/a\0",
     "gs://b\0k/a", "GS://bkt/a", "gs://bkt//a", "gs://bkt/\ud800"],
)  # fmt: skip
def test_split_uri_refuses(uri):
    with pytest.raises(InvalidArgument):
        split_uri(uri)


def test_uri_path_is_inside_the_bucket_or_refused(tmp_path):
    (tmp_path / "bkt").mkdir()
    (tmp_path / "bkt" / "out").symlink_to(tmp_path)
    (tmp_path / "bkt" / "in").symlink_to(tmp_path / "bkt")
    assert uri_path(tmp_path, "gs://bkt/a/b") == tmp_path / "bkt" / "a" / "b"
    assert uri_path(tmp_path, "gs://bkt/in/b") == tmp_path / "bkt" / "in" / "b"
    with pytest.raises(InvalidArgument, match="leads out of the bucket"):
        uri_path(tmp_path, "gs://bkt/out/other/b")
