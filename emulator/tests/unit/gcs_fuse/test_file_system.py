"""Semantics of Cloud Storage FUSE, without a mount: https://github.com/GoogleCloudPlatform/gcsfuse."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("mfusepy needs libfuse", allow_module_level=True)
pytest.importorskip("mfusepy", exc_type=OSError, reason="there is no libfuse here")

from emulator.gcs_fuse.file_system import BucketFileSystem

NEW = os.O_CREAT | os.O_WRONLY


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    for folder in ("buckets/bkt", "buckets/other", "scratch"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path / "buckets" / "bkt"


@pytest.fixture
def mounted(bucket: Path) -> BucketFileSystem:
    return BucketFileSystem(bucket.parent, bucket.parents[1] / "scratch")


def refused(number: int, call: Callable[[], object]) -> None:
    with pytest.raises(OSError) as failure:  # noqa: PT011 - its number is compared
        call()
    assert failure.value.errno == number


def test_content_is_in_the_bucket_when_the_file_is_closed(mounted: BucketFileSystem, bucket: Path) -> None:
    handle = mounted.create("/bkt/new", 0o644, NEW)
    mounted.write("/bkt/new", b"hello", 0, handle)
    assert not (bucket / "new").exists()
    assert mounted.getattr("/bkt/new")["st_size"] == 5
    assert list(mounted.readdir("/bkt", 0)) == [".", "..", "new"]
    mounted.flush("/bkt/new", handle)
    assert (bucket / "new").read_bytes() == b"hello"
    mounted.write("/bkt/new", b"!", 5, handle)
    assert (bucket / "new").read_bytes() == b"hello"
    mounted.release("/bkt/new", handle)
    assert (bucket / "new").read_bytes() == b"hello!"
    assert list((bucket.parents[1] / "scratch").iterdir()) == []


def test_change_of_an_object_is_there_when_it_is_closed(mounted: BucketFileSystem, bucket: Path) -> None:
    (bucket / "a").write_text("before")
    handle = mounted.open("/bkt/a", os.O_RDWR)
    mounted.write("/bkt/a", b"B", 0, handle)
    assert (bucket / "a").read_text() == "before"
    assert mounted.read("/bkt/a", 10, 0, handle) == b"Before"
    mounted.flush("/bkt/a", handle)
    mounted.release("/bkt/a", handle)
    assert (bucket / "a").read_text() == "Before"


def test_cut_of_a_file_that_is_open_waits_for_its_close(mounted: BucketFileSystem, bucket: Path) -> None:
    (bucket / "a").write_text("before")
    handle = mounted.open("/bkt/a", os.O_WRONLY)
    mounted.truncate("/bkt/a", 2)
    assert (bucket / "a").read_text() == "before"
    mounted.flush("/bkt/a", handle)
    mounted.release("/bkt/a", handle)
    mounted.truncate("/bkt/a", 1)
    assert (bucket / "a").read_text() == "b"


def test_folder_with_files_can_not_be_renamed(mounted: BucketFileSystem, bucket: Path) -> None:
    (bucket / "full").mkdir()
    (bucket / "full" / "x").touch()
    (bucket / "empty").mkdir()
    refused(errno.EMFILE, lambda: mounted.rename("/bkt/full", "/bkt/moved"))
    mounted.rename("/bkt/empty", "/bkt/moved")
    mounted.rename("/bkt/full/x", "/bkt/y")
    assert sorted(path.name for path in bucket.iterdir()) == ["full", "moved", "y"]
    refused(errno.ENOTSUP, lambda: mounted.rename("/bkt/y", "/other/y"))


def test_folder_with_a_draft_can_not_be_renamed_or_removed(mounted: BucketFileSystem, bucket: Path) -> None:
    (bucket / "folder").mkdir()
    mounted.create("/bkt/folder/new", 0o644, NEW)
    refused(errno.EMFILE, lambda: mounted.rename("/bkt/folder", "/bkt/moved"))
    refused(errno.ENOTEMPTY, lambda: mounted.rmdir("/bkt/folder"))


def test_draft_that_is_renamed_appears_under_its_new_name(mounted: BucketFileSystem, bucket: Path) -> None:
    handle = mounted.create("/bkt/a", 0o644, NEW)
    mounted.write("/bkt/a", b"1", 0, handle)
    mounted.rename("/bkt/a", "/bkt/b")
    mounted.flush("/bkt/b", handle)
    mounted.release("/bkt/b", handle)
    assert [path.name for path in bucket.iterdir()] == ["b"]


def test_open_file_that_is_removed_goes_on_and_is_in_no_bucket(
    mounted: BucketFileSystem, bucket: Path
) -> None:
    handle = mounted.create("/bkt/a", 0o644, NEW)
    hidden = "/bkt/.fuse_hidden01"
    mounted.rename("/bkt/a", hidden)
    mounted.write(hidden, b"1", 0, handle)
    mounted.flush(hidden, handle)
    assert mounted.getattr(hidden)["st_size"] == 1
    assert list(mounted.readdir("/bkt", 0)) == [".", ".."]
    mounted.release(hidden, handle)
    mounted.unlink(hidden)
    assert list(bucket.iterdir()) == list((bucket.parents[1] / "scratch").iterdir()) == []


def test_time_of_the_last_change_outlives_the_close(mounted: BucketFileSystem, bucket: Path) -> None:
    handle = mounted.create("/bkt/a", 0o644, NEW)
    mounted.utimens("/bkt/a", (10**18, 10**18))
    mounted.flush("/bkt/a", handle)
    assert (bucket / "a").stat().st_mtime_ns == 10**18


def test_time_set_before_the_kernel_releases_a_closed_file_is_kept(
    mounted: BucketFileSystem, bucket: Path
) -> None:
    handle = mounted.create("/bkt/a", 0o644, NEW)
    mounted.flush("/bkt/a", handle)
    mounted.utimens("/bkt/a", (10**18, 10**18))
    assert mounted.getattr("/bkt/a")["st_mtime"] == 10**18
    mounted.release("/bkt/a", handle)
    assert (bucket / "a").stat().st_mtime_ns == 10**18
    mounted.utimens("/bkt/a")
    assert (bucket / "a").stat().st_mtime_ns > 10**18


def test_root_is_not_listed_and_no_bucket_is_made(mounted: BucketFileSystem) -> None:
    refused(errno.ENOTSUP, lambda: list(mounted.readdir("/", 0)))
    refused(errno.ENOTSUP, lambda: mounted.mkdir("/new", 0o755))
    refused(errno.ENOTSUP, lambda: mounted.create("/file", 0o644, NEW))
    refused(errno.ENOENT, lambda: mounted.create("/bkt/none/file", 0o644, NEW))
    refused(errno.ENOENT, lambda: mounted.getattr("/bkt/none"))
