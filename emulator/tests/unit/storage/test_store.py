import os

import pytest

from emulator.errors import InvalidArgument, PreconditionFailed
from emulator.storage.errors import NoSuchBucket, NoSuchObject, PathConflict
from emulator.storage.preconditions import Preconditions

ANY = Preconditions()


def test_commit_renames_the_file_into_the_bucket(store, folder, tmp_path):
    found = store.put("a/b", b"hello")
    assert (folder / "a" / "b").read_bytes() == b"hello"
    assert store.get("bkt", "a/b") == found
    assert (found.size, found.crc32c, found.md5) == (5, "mnG7TA==", "XUFAKrxLKna5cZ2REBfFkg==")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_commit_over_an_object_raises_its_generation(store, monkeypatch):
    monkeypatch.setattr("emulator.storage.store.now_microseconds", lambda: 1_000)
    assert [store.put("x", b"same").generation for _ in range(3)] == [1_000, 1_001, 1_002]


def test_commit_with_a_condition_that_fails_leaves_the_old_object(store):
    store.put("x", b"old")
    with pytest.raises(PreconditionFailed):
        store.put("x", b"new", generation_match=0)
    found, file = store.open("bkt", "x")
    with file:
        assert file.read() == b"old"
    assert found == store.get("bkt", "x")


def test_commit_killed_before_the_rename_leaves_the_old_object(store, monkeypatch):
    old = store.put("x", b"old")

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("pathlib.Path.replace", die)
    with pytest.raises(SystemExit):
        store.put("x", b"new content")
    assert store.get("bkt", "x") == old


def test_content_of_a_folder_is_kept_outside_of_the_bucket(store, folder, tmp_path):
    store.put("folder/", b"old")
    store.put("folder/", b"content")
    found, file = store.open("bkt", "folder/")
    with file:
        assert (found.size, file.read()) == (7, b"content")
    assert list((folder / "folder").iterdir()) == []
    (tmp_path / "folders" / "stray").touch()
    store.recover()
    assert [path.name for path in (tmp_path / "folders").iterdir()] == [found.file]
    store.delete("bkt", "folder/", ANY)
    assert list((tmp_path / "folders").iterdir()) == []


def test_foreign_file_is_described(store, folder):
    (folder / "image.jpg").write_bytes(b"hello")
    found = store.get("bkt", "image.jpg")
    assert (found.md5, found.metadata.content_type) == ("XUFAKrxLKna5cZ2REBfFkg==", "image/jpeg")
    assert store.get("bkt", "image.jpg") == found


def test_edited_file_is_a_new_generation(store, folder):
    old = store.put("x", b"hello")
    (folder / "x").write_bytes(b"hullo")
    os.utime(folder / "x", ns=(0, 0))
    new = store.get("bkt", "x")
    assert new.generation > old.generation
    assert new.md5 != old.md5


def test_open_keeps_the_content_that_was_opened(store):
    store.put("x", b"old")
    _, file = store.open("bkt", "x")
    store.put("x", b"new")
    with file:
        assert file.read() == b"old"


def test_patch_changes_only_metadata(store):
    old = store.put("x", b"1")
    new = store.patch("bkt", "x", lambda m: m.patched({"contentType": "a/b"}), ANY)
    assert (new.generation, new.metageneration, new.metadata.content_type) == (old.generation, 2, "a/b")
    assert store.get("bkt", "x") == new


def test_delete_removes_folders_that_held_nothing_else(store, folder):
    store.put("a/b/c")
    store.put("a/d")
    store.delete("bkt", "a/b/c", ANY)
    assert [path.name for path in folder.rglob("*")] == ["a", "d"]
    with pytest.raises(NoSuchObject):
        store.delete("bkt", "a/b/c", ANY)


def test_folder_object_lives_without_files(store, folder):
    store.put("f/")
    store.put("f/x")
    store.delete("bkt", "f/x", ANY)
    assert list(store.names("bkt")) == ["f/"]
    store.delete("bkt", "f/", ANY)
    assert list(folder.iterdir()) == []
    (folder / "f").mkdir()
    assert store.find("bkt", "f/") is None


def test_move_renames_and_keeps_the_source_if_refused(store):
    store.put("x", b"1")
    store.put("y/z", b"2")
    with pytest.raises(PathConflict):
        store.move("bkt", "x", "y", on_source=ANY, conditions=ANY)
    assert list(store.names("bkt")) == ["x", "y/z"]
    moved = store.move("bkt", "y/z", "w", on_source=ANY, conditions=ANY)
    assert (list(store.names("bkt")), moved.size) == (["w", "x"], 1)


def test_symbolic_links_are_not_followed(store, folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "file").symlink_to(outside / "secret")
    with pytest.raises(InvalidArgument, match="symbolic link"):
        store.put("link/new")
    with pytest.raises(NoSuchObject):
        store.get("bkt", "file")


def test_missing_bucket_is_said_to_be(store):
    with pytest.raises(NoSuchBucket):
        store.find("other", "x")
