from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from preprocessing.raw_streams import is_compressed, open_raw
from preprocessing.stores import UnreadableError


@pytest.mark.parametrize("name", ["a.csv", "a.csv.GZ"])
def test_open_raw_gives_what_the_file_holds(tmp_path: Path, name: str) -> None:
    data = b"1,2\n"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("GZ") else data)
    with open_raw(str(tmp_path / name)) as stream:
        assert stream.read() == b"1,2\n"


def test_open_raw_of_a_damaged_file_raises_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"no gzip")
    with open_raw(str(tmp_path / "a.gz")) as stream, pytest.raises(gzip.BadGzipFile):
        stream.read()


def test_open_raw_of_no_file_raises(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError), open_raw(str(tmp_path / "a.gz")):
        pass


def test_is_compressed_looks_at_the_end_of_the_name() -> None:
    assert [is_compressed(uri) for uri in ("gs://b/a.csv.gz", "gs://b/a.gz/part.csv")] == [True, False]
