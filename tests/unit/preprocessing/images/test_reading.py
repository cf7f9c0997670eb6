from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

from preprocessing.images.raw_files import RawFile
from preprocessing.images.reading import read_all
from preprocessing.stores import LocalStore, UnreadableError


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


def test_read_all_from_a_slow_store_reads_ahead_and_keeps_the_order(tmp_path: Path) -> None:
    files = []
    for number in range(100):
        (tmp_path / str(number)).write_bytes(str(number).encode())
        files.append(RawFile(str(tmp_path / str(number)), str(number), "daisy", len(str(number))))
    store = _SlowStore()
    assert [(file.name, data) for file, data in read_all(store, files)] == [
        (file.name, file.name.encode()) for file in files
    ]
    assert store.together > 1


def test_read_all_gives_the_reason_in_place_of_the_bytes(tmp_path: Path) -> None:
    gone = RawFile(str(tmp_path / "gone"), "gone", "daisy", 3)
    for store in (LocalStore(), _SlowStore()):
        ((file, problem),) = read_all(store, [gone])
        assert file == gone
        assert isinstance(problem, UnreadableError)
