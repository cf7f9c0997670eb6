from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.images import contents
from preprocessing.images.contents import Content, distinct_contents
from preprocessing.images.raw_files import RawFile, in_record_order
from preprocessing.rejections import Rejected
from preprocessing.stores import LocalStore


def _files(folder: Path, **contents_by_name: bytes) -> list[RawFile]:
    files = []
    for name, data in contents_by_name.items():
        (folder / name).write_bytes(data)
        files.append(RawFile(str(folder / name), name, "daisy", len(data)))
    return in_record_order(files)


def _contents(files: list[RawFile]) -> list[tuple[list[str], bytes]]:
    found = []
    for content in distinct_contents(files, LocalStore()):
        assert isinstance(content, Content)
        found.append(([file.name for file in content.files], content.data))
    return found


def test_distinct_contents_joins_files_with_the_same_bytes(tmp_path: Path) -> None:
    files = _files(tmp_path, b=b"same", a=b"same", c=b"else", d=b"longer")
    assert sorted(_contents(files)) == [(["a", "b"], b"same"), (["c"], b"else"), (["d"], b"longer")]


def test_distinct_contents_under_other_names_come_in_the_same_order(tmp_path: Path) -> None:
    data = [b"one", b"two", b"six", b"ten", b"three", b"seven"]
    (tmp_path / "other").mkdir()
    first = _files(tmp_path, **{f"a{index}": value for index, value in enumerate(data)})
    second = _files(tmp_path / "other", **{f"z{index}": value for index, value in enumerate(reversed(data))})
    assert [value for _, value in _contents(first)] == [value for _, value in _contents(second)]


def test_distinct_contents_beyond_what_is_held_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_HELD_BYTES", 4)
    files = _files(tmp_path, a=b"same", b=b"else", c=b"more", d=b"more")
    assert sorted(_contents(files)) == [(["a"], b"same"), (["b"], b"else"), (["c", "d"], b"more")]


def test_distinct_contents_of_a_missing_file_is_rejected(tmp_path: Path) -> None:
    gone = RawFile(str(tmp_path / "gone"), "gone", "daisy", 3)
    assert list(distinct_contents([gone], LocalStore())) == [
        Rejected(gone.uri, "unreadable", "No such file or directory")
    ]


def test_distinct_contents_of_a_file_that_has_changed_is_rejected(tmp_path: Path) -> None:
    files = _files(tmp_path, a=b"four", b=b"five", c=b"one more")
    (tmp_path / "a").write_bytes(b"fourteen")
    (tmp_path / "c").write_bytes(b"")
    rejected = [item for item in distinct_contents(files, LocalStore()) if isinstance(item, Rejected)]
    assert sorted(item.detail for item in rejected) == [
        "4 bytes when listed, 8 when read",
        "8 bytes when listed, 0 when read",
    ]
