import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.storage.errors import PathConflict
from emulator.storage.tree import make_room, prune, walk


def fill(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def test_walk_is_in_byte_order_across_folders(tmp_path):
    names = ["a", "a!/x", "a-b", "a/b", "a0", "é"]
    fill(tmp_path, [name for name in names if name != "a"])
    assert list(walk(tmp_path)) == sorted(set(names) - {"a"})


def test_walk_leaves_out_links_and_empty_folders(tmp_path):
    fill(tmp_path, ["x/y"])
    (tmp_path / "empty" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "x")
    (tmp_path / "file").symlink_to(tmp_path / "x" / "y")
    assert list(walk(tmp_path)) == ["x/y"]


def test_walk_shows_folders_that_are_objects(tmp_path):
    (tmp_path / "empty" / "er").mkdir(parents=True)
    assert list(walk(tmp_path, folders={"empty/er/"})) == ["empty/er/"]


def test_walk_shallow_takes_one_name_of_each_folder(tmp_path):
    fill(tmp_path, ["p/a/1", "p/a/2", "p/b/c/3", "p/d", "q/1", "q/2"])
    assert list(walk(tmp_path, prefix="p/", shallow=True)) == ["p/a/1", "p/b/c/3", "p/d"]
    assert list(walk(tmp_path, shallow=True)) == ["p/a/1", "q/1"]


NAMES = ["a", "b-/c", "b/a/x", "b/a/y", "b/z", "b0", "c/d/e/f", "c/d/g"]


@given(
    prefix=st.sampled_from(["", "b", "b/", "b/a", "c/d/", "zz"]),
    start=st.sampled_from(["", "a", "b/a/y", "b/zz", "c/"]),
    end=st.sampled_from(["", "b", "b/b", "c/d/f", "d"]),
)
def test_walk_is_what_sorting_and_filtering_gives(tmp_path_factory, prefix, start, end):
    folder = tmp_path_factory.mktemp("bucket")
    fill(folder, NAMES)
    expected = [n for n in sorted(NAMES) if n.startswith(prefix) and n >= start and (not end or n < end)]
    assert list(walk(folder, prefix=prefix, start=start, end=end)) == expected


def test_make_room_names_what_is_in_the_way(tmp_path):
    fill(tmp_path, ["x", "y/z/file"])
    with pytest.raises(PathConflict, match=r"/x/a can't be made while .*/x is there"):
        make_room(tmp_path, "x/a")
    with pytest.raises(PathConflict, match=r"/y can't be made while .*/y/z/file is there"):
        make_room(tmp_path, "y")


def test_make_room_removes_empty_folders(tmp_path):
    (tmp_path / "y" / "z").mkdir(parents=True)
    make_room(tmp_path, "y")
    assert not (tmp_path / "y").exists()


def test_prune_stops_at_what_is_needed(tmp_path):
    fill(tmp_path, ["a/file"])
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "k" / "l").mkdir(parents=True)
    prune(tmp_path, "a/b/c/gone", keep=())
    prune(tmp_path, "k/l/gone", keep={"k/"})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "file", "k"]
