from __future__ import annotations

import hashlib
import random
import threading
import time
from pathlib import Path

import pytest

from contract.artifacts import RejectedRecord
from preprocessing.images import RawImage, deduplication, in_record_order
from preprocessing.images.deduplication import DistinctImage, deduplicate, prefetch
from preprocessing.stores import LocalStore, UnreadableError


def _files(folder: Path, **contents_by_name: bytes) -> list[RawImage]:
    files = []
    for name, data in contents_by_name.items():
        (folder / name).write_bytes(data)
        files.append(RawImage(str(folder / name), name, "daisy", len(data)))
    return in_record_order(files)


def _contents(files: list[RawImage]) -> list[tuple[list[str], bytes]]:
    found = []
    for content in deduplicate(files, LocalStore()):
        assert isinstance(content, DistinctImage)
        found.append(([file.name for file in content.files], content.data))
    return found


def test_deduplicate_joins_files_with_the_same_bytes(tmp_path: Path) -> None:
    files = _files(tmp_path, b=b"same", a=b"same", c=b"else", d=b"longer")
    assert sorted(_contents(files)) == [(["a", "b"], b"same"), (["c"], b"else"), (["d"], b"longer")]


def test_deduplicate_under_other_names_come_in_the_same_order(tmp_path: Path) -> None:
    data = [b"one", b"two", b"six", b"ten", b"three", b"seven"]
    (tmp_path / "other").mkdir()
    first = _files(tmp_path, **{f"a{index}": value for index, value in enumerate(data)})
    second = _files(tmp_path / "other", **{f"z{index}": value for index, value in enumerate(reversed(data))})
    assert [value for _, value in _contents(first)] == [value for _, value in _contents(second)]


def test_deduplicate_beyond_what_is_held_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deduplication, "_HELD_BYTES", 4)
    files = _files(tmp_path, a=b"same", b=b"else", c=b"more", d=b"more")
    assert sorted(_contents(files)) == [(["a"], b"same"), (["b"], b"else"), (["c", "d"], b"more")]


def test_deduplicate_of_a_missing_file_is_rejected(tmp_path: Path) -> None:
    gone = RawImage(str(tmp_path / "gone"), "gone", "daisy", 3)
    assert list(deduplicate([gone], LocalStore())) == [
        RejectedRecord(gone.uri, "unreadable", "No such file or directory")
    ]


def test_deduplicate_of_a_file_that_has_changed_is_rejected(tmp_path: Path) -> None:
    files = _files(tmp_path, a=b"four", b=b"five", c=b"one more")
    (tmp_path / "a").write_bytes(b"fourteen")
    (tmp_path / "c").write_bytes(b"")
    rejected = [item for item in deduplicate(files, LocalStore()) if isinstance(item, RejectedRecord)]
    assert sorted(item.detail for item in rejected) == [
        "4 bytes when listed, 8 when read",
        "8 bytes when listed, 0 when read",
    ]


class _SlowStore(LocalStore):
    """Answers in another order than it is asked in."""

    readers = 8

    def __init__(self) -> None:
        super().__init__()
        self.together = 0
        self._now = 0
        self._lock = threading.Lock()

    def read(self, uri: str, *, size: int | None = None) -> bytes:
        with self._lock:
            self._now += 1
            self.together = max(self.together, self._now)
        time.sleep(hashlib.sha256(uri.encode()).digest()[0] / 50_000)
        with self._lock:
            self._now -= 1
        return super().read(uri, size=size)


def test_prefetch_from_a_slow_store_reads_ahead_and_keeps_the_order(tmp_path: Path) -> None:
    files = []
    for number in range(100):
        (tmp_path / str(number)).write_bytes(str(number).encode())
        files.append(RawImage(str(tmp_path / str(number)), str(number), "daisy", len(str(number))))
    store = _SlowStore()
    assert [(file.name, data) for file, data in prefetch(store, files)] == [
        (file.name, file.name.encode()) for file in files
    ]
    assert store.together > 1


def test_prefetch_gives_the_reason_in_place_of_the_bytes(tmp_path: Path) -> None:
    gone = RawImage(str(tmp_path / "gone"), "gone", "daisy", 3)
    for store in (LocalStore(), _SlowStore()):
        ((file, problem),) = prefetch(store, [gone])
        assert file == gone
        assert isinstance(problem, UnreadableError)


def _file(name: str, size: int) -> RawImage:
    return RawImage(f"/source/{name}", name, "daisy", size)


def test_in_record_order_does_not_depend_on_the_order_given() -> None:
    files = [_file(f"{number}.jpg", number % 7) for number in range(50)]
    shuffled = random.Random(1).sample(files, len(files))
    ordered = in_record_order(files)
    assert in_record_order(shuffled) == ordered
    sizes = [file.size for file in ordered]
    assert len({size for size, after in zip(sizes, [*sizes[1:], None], strict=True) if size != after}) == 7
    assert sizes != sorted(sizes)
