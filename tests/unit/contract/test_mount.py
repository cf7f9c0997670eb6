from __future__ import annotations

from pathlib import Path

import pytest

from contract.mount import MOUNT_VARIABLE, has_mount, mounted_path


def test_mounted_path_of_a_bucket_is_below_the_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MOUNT_VARIABLE, "/mnt/buckets")
    assert mounted_path("gs://bucket/a/b") == Path("/mnt/buckets/bucket/a/b")
    monkeypatch.delenv(MOUNT_VARIABLE)
    assert mounted_path("gs://bucket/a/b") == Path("/gcs/bucket/a/b")


@pytest.mark.parametrize("path", ["/data/a", "data/a", "gs:/a"])
def test_mounted_path_of_anything_else_stays(path: str) -> None:
    assert mounted_path(path) == Path(path)


def test_has_mount_where_the_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MOUNT_VARIABLE, str(tmp_path))
    assert has_mount()
    monkeypatch.setenv(MOUNT_VARIABLE, str(tmp_path / "gone"))
    assert not has_mount()
