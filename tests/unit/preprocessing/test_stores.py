from __future__ import annotations

import os
from pathlib import Path

import google_crc32c
import pytest

from linked_folders import FILES, linked_folder
from preprocessing.errors import SourceError
from preprocessing.stores import Entry, LocalStore, UnreadableError, open_store


def test_local_store_lists_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "deep" / "1.jpg").write_bytes(b"one")
    (tmp_path / "2.jpg").write_bytes(b"")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    store = LocalStore()
    assert store.folders(str(tmp_path)) == ["a"]
    expected = [Entry("2.jpg", 0), Entry("a/deep/1.jpg", 3), Entry("dangling", None), Entry("loop", None)]
    assert sorted(store.files(str(tmp_path), recursive=True), key=lambda entry: entry.name) == expected
    assert {entry.name for entry in store.files(str(tmp_path), recursive=False)} == {
        "2.jpg",
        "dangling",
        "loop",
    }


def test_local_store_of_a_missing_folder_lists_nothing(tmp_path: Path) -> None:
    assert LocalStore().folders(str(tmp_path / "gone")) == []
    assert list(LocalStore().files(str(tmp_path / "gone"), recursive=True)) == []


@pytest.mark.parametrize("size", [None, 3, 5, 9])
def test_local_store_reads_the_whole_file_whatever_size_is_expected(tmp_path: Path, size: int | None) -> None:
    (tmp_path / "file").write_bytes(b"bytes")
    assert LocalStore().read(str(tmp_path / "file"), size=size) == b"bytes"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_local_store_read_that_fails_names_the_file() -> None:
    with pytest.raises(SourceError, match="source /proc/self/mem: Input/output error"):
        LocalStore().read("/proc/self/mem")


@pytest.mark.parametrize("name", ["gone", "."])
def test_local_store_read_of_no_file_raises(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableError):
        LocalStore().read(str(tmp_path / name))


def test_local_store_create_leaves_what_is_there(tmp_path: Path) -> None:
    store, scratch, target = LocalStore(), tmp_path / "scratch", str(tmp_path / "target")
    scratch.write_bytes(b"first")
    assert store.create(scratch, target)
    scratch.write_bytes(b"second")
    assert not store.create(scratch, target)
    assert store.read(target) == b"first"
    store.replace(scratch, target)
    assert store.read(target) == b"second"
    store.remove(target)
    assert not store.exists(target)


def test_local_store_crc32c_is_big_endian(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456789")
    assert LocalStore().crc32c(str(tmp_path / "file")) == bytes.fromhex("e3069283")
    assert google_crc32c.value(b"123456789") == 0xE3069283


def test_open_store_of_a_bucket_with_a_mount_reads_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCS_MOUNT", str(tmp_path))
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "object").write_bytes(b"bytes")
    assert open_store("gs://bucket/object").read("gs://bucket/object") == b"bytes"


def test_local_store_open_can_seek(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    with LocalStore().open(str(tmp_path / "file")) as stream:
        stream.seek(4)
        assert stream.read(3) == b"456"


@pytest.mark.parametrize("name", ["gone", "."])
def test_local_store_open_of_no_file_raises(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableError):
        LocalStore().open(str(tmp_path / name))


def test_local_files_follow_links_and_no_loop(tmp_path):
    source, store = str(linked_folder(tmp_path)), LocalStore()
    assert store.folders(source) == ["daisy", "roses"]
    assert sorted(entry.name for entry in store.files(source, recursive=True)) == FILES


def test_local_store_with_a_name_in_another_encoding_names_it(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/k\xf6ln.jpg")).write_bytes(b"1")
    with pytest.raises(SourceError, match=r"file names in UTF-8, received .*k\\udcf6ln"):
        list(LocalStore().files(str(tmp_path), recursive=True))
