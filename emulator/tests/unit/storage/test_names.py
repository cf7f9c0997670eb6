import pytest

from emulator.errors import InvalidArgument
from emulator.storage.names import check_bucket_name, object_path


@pytest.mark.parametrize("name", ["a", "..", "../x", "a/b", "UPPER", "-ab", "a..b", ""])
def test_check_bucket_name_refuses(name):
    with pytest.raises(InvalidArgument, match="Invalid bucket name"):
        check_bucket_name(name)


@pytest.mark.parametrize(
    "name", ["", "/", "/a", "a//b", "..", "a/..", "./a", "a\0b", "a\nb", "é" * 600, "x" * 300]
)
def test_object_path_refuses(tmp_path, name):
    with pytest.raises(InvalidArgument, match="Object name"):
        object_path(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "a/b", "...", ".hidden", "a b/ü", "folder/"])
def test_object_path_is_inside_the_bucket(tmp_path, name):
    assert object_path(tmp_path, name) == tmp_path / name
